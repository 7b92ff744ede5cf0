//! Making a connection: look the name up, judge every address, dial exactly those, agree on TLS.
//!
//! Each step has a limit of its own besides the deadline of the attempt, and its own time in the record
//! (delivery R9). Names are judged here, at the moment they are dialled, and not when a URL is entered: a name
//! whose address changes in between gains nothing (delivery R12).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use super::connection::Connection;
use super::failure::{FailureClass, printable};
use super::guard::Guard;
use super::identity::{SetNo, TlsSet};
use super::names::{NameFault, Names};
use super::proxy::EgressProxy;

/// More addresses of one name than this are judged but not dialled.
const DIALLED_MAX: usize = 8;
/// The next address is tried beside the one before when that has not answered for this long (as RFC 8305
/// advises).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Where connections lead, and with which TLS settings: what two pushes that share one must have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) host: Host<String>,
    pub(super) port: u16,
    /// `None`: plain http.
    pub(super) tls: Option<SetNo>,
}

/// What one attempt saw of making its connection.
#[derive(Debug, Default)]
pub(super) struct Dialled {
    /// The addresses that were dialled, in the order in which they were tried.
    pub(super) targets: Vec<SocketAddr>,
    /// Looking the name up; `None` for a literal address.
    pub(super) dns: Option<Duration>,
    /// TCP, and the tunnel of the egress proxy.
    pub(super) connect: Option<Duration>,
    /// The TLS handshake; `None` for http.
    pub(super) tls: Option<Duration>,
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) names: Names,
    pub(super) guard: Guard,
    pub(super) proxy: Option<EgressProxy>,
    pub(super) connect_limit: Duration,
    pub(super) tls_limit: Duration,
}

impl Connector {
    /// Connects to `place` before `deadline`. `seen` is filled as far as it gets.
    pub(super) async fn connect(
        &self,
        place: &Place,
        tls: &TlsSet,
        deadline: Instant,
        seen: &mut Dialled,
    ) -> Result<Connection, FailureClass> {
        let addresses = match self.lookup(&place.host, deadline).await {
            (Ok(addresses), took) => {
                seen.dns = took;
                addresses
            }
            (Err(failure), took) => {
                seen.dns = took;
                return Err(failure);
            }
        };
        self.guard.check(&addresses, Instant::now())?;
        let targets: Vec<_> =
            addresses.iter().take(DIALLED_MAX).map(|&ip| SocketAddr::new(ip, place.port)).collect();
        seen.targets.clone_from(&targets);
        let began = Instant::now();
        let connected = self.open(targets, within(self.connect_limit, deadline)).await;
        seen.connect = Some(began.elapsed());
        let (stream, address) = connected?;
        seen.targets = vec![address];
        if place.tls.is_none() {
            return Connection::over(stream, address).await;
        }
        let began = Instant::now();
        let limit = within(self.tls_limit, deadline);
        let handshake = timeout(limit, secured(stream, &place.host, tls)).await;
        seen.tls = Some(began.elapsed());
        let stream = handshake.unwrap_or(Err(FailureClass::TlsTimedOut { target: address, limit }))?;
        Connection::over(stream, address).await
    }

    /// The addresses of `host`, and how long it took to look them up.
    async fn lookup(
        &self,
        host: &Host<String>,
        deadline: Instant,
    ) -> (Result<Arc<[IpAddr]>, FailureClass>, Option<Duration>) {
        let name = match host {
            Host::Ipv4(ip) => return (Ok(Arc::from([IpAddr::from(*ip)])), None),
            Host::Ipv6(ip) => return (Ok(Arc::from([IpAddr::from(*ip)])), None),
            Host::Domain(name) => name,
        };
        let began = Instant::now();
        let found = timeout_at(deadline, self.names.lookup(name)).await;
        let found = found.unwrap_or_else(|_| Err(NameFault::Failed("the attempt ran out of time".into())));
        let found = found.map_err(|fault| match fault {
            NameFault::NotFound => FailureClass::NameNotFound { host: printable(name) },
            NameFault::Failed(why) => {
                FailureClass::LookupFailed { host: printable(name), reason: printable(&why) }
            }
        });
        (found, Some(began.elapsed()))
    }

    /// A stream to one of `targets`, and which.
    async fn open(
        &self,
        targets: Vec<SocketAddr>,
        limit: Duration,
    ) -> Result<(TcpStream, SocketAddr), FailureClass> {
        let Some(proxy) = &self.proxy else { return dial(targets, limit).await };
        let deadline = Instant::now() + limit;
        // A proxy tries one address; what most can reach is IPv4.
        let target = *targets.iter().find(|target| target.is_ipv4()).unwrap_or(&targets[0]);
        let (found, _) = self.lookup(&proxy.host, deadline).await;
        let own = |failure: FailureClass| proxy.fault(failure.to_string());
        let addresses = found.map_err(own)?;
        let addresses: Vec<_> = addresses.iter().map(|&ip| SocketAddr::new(ip, proxy.port)).collect();
        let (stream, _) = dial(addresses, within(limit, deadline)).await.map_err(own)?;
        let tunnel = timeout_at(deadline, proxy.tunnel(stream, target)).await;
        // Who was slow, the proxy or what it tried to reach, cannot be told; receivers are slow more often.
        let too_late = || FailureClass::NoConnection { targets: vec![target], limit };
        Ok((tunnel.unwrap_or_else(|_| Err(too_late()))?, target))
    }
}

/// `limit`, or what is left until `deadline`.
fn within(limit: Duration, deadline: Instant) -> Duration {
    limit.min(deadline.saturating_duration_since(Instant::now()))
}

/// Dials `targets`, each a little after the one before, and takes the first that answers. What fails at once
/// makes way for the next at once.
async fn dial(targets: Vec<SocketAddr>, limit: Duration) -> Result<(TcpStream, SocketAddr), FailureClass> {
    let mut faults = Vec::new();
    let race = async {
        let mut waiting = targets.iter().copied();
        // Dropping the set ends what is under way in it.
        let mut dialling = JoinSet::new();
        loop {
            if let Some(target) = waiting.next() {
                dialling
                    .spawn(async move { TcpStream::connect(target).await.map(|stream| (stream, target)) });
            }
            tokio::select! {
                Some(dialled) = dialling.join_next() => match dialled.expect("dialling does not panic") {
                    Ok(connected) => return Some(connected),
                    Err(fault) => faults.push(fault),
                },
                () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if waiting.len() > 0 => {}
                else => return None,
            }
        }
    };
    match timeout(limit, race).await {
        Ok(Some((stream, target))) => {
            // Without it the kernel may hold the end of a request back. A socket that cannot do it still works.
            let _ = stream.set_nodelay(true);
            Ok((stream, target))
        }
        Ok(None) | Err(_) => Err(FailureClass::of_dialling(targets, &faults, limit)),
    }
}

/// `stream` after the TLS handshake with `host`.
async fn secured(
    stream: TcpStream,
    host: &Host<String>,
    tls: &TlsSet,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, FailureClass> {
    let name = match host {
        Host::Ipv4(ip) => ServerName::from(IpAddr::from(*ip)),
        Host::Ipv6(ip) => ServerName::from(IpAddr::from(*ip)),
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(|_| {
            FailureClass::UrlUnusable { reason: "not a name that certificates know".to_owned() }
        })?,
    };
    let handshake = TlsConnector::from(Arc::clone(&tls.config)).connect(name, stream).await;
    handshake.map_err(|error| FailureClass::of_handshake(&error))
}
