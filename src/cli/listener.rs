//! What commands listen with that play a part themselves: the switch, the gateway or the application.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::engine::random;
use crate::http::{Limits, RequestIds, Server, Service, Tls};

/// Serves plain HTTP for as long as the program runs.
pub(super) fn serve(listener: TcpListener, service: impl Service) {
    let server = Server {
        listener,
        tls: None::<Arc<Tls>>,
        limits: Limits::default(),
        title_case_headers: true,
        request_ids: RequestIds::new(random::process_id()),
        service,
    };
    tokio::spawn(server.run(std::future::pending()));
}
