//! The switch's control address: it keeps the orders that come, and answers as it was told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use tokio::net::TcpListener;

use crate::cli::listener::serve;
use crate::http::{Refusal, Reply, Request, Service};

/// Most orders that are kept; a gateway that checks are run against gives two.
const ORDERS_MAX: usize = 100;

/// The orders that came. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Orders(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    answer: StatusCode,
    paths: Vec<String>,
}

impl Orders {
    /// From now on orders are answered so.
    pub(super) fn answer(&self, status: StatusCode) {
        self.with(|kept| kept.answer = status);
    }

    /// Takes the paths of the orders that came.
    pub(super) fn take(&self) -> Vec<String> {
        self.with(|kept| std::mem::take(&mut kept.paths))
    }

    fn with<T>(&self, what: impl FnOnce(&mut Kept) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service for Orders {
    async fn call(&self, request: Request) -> Reply {
        let path = request.path().to_owned();
        let answer = self.with(|kept| {
            if kept.paths.len() < ORDERS_MAX {
                kept.paths.push(path);
            }
            kept.answer
        });
        Reply::empty(answer)
    }

    fn refuse(&self, _: Refusal) -> Reply {
        Reply::empty(StatusCode::BAD_REQUEST)
    }
}

/// Listens for as long as the program runs.
pub(super) async fn listen(address: SocketAddr) -> std::io::Result<Orders> {
    let listener = TcpListener::bind(address).await?;
    let orders = Orders(Arc::new(Mutex::new(Kept { answer: StatusCode::OK, paths: Vec::new() })));
    serve(listener, orders.clone());
    Ok(orders)
}
