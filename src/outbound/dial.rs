//! Making a connection: look the name up, check every address, dial exactly those, and note what was seen.
//!
//! reqwest asks a resolver for names only, once per connection. So names are judged here, at the moment they
//! are dialled, and a name that changes its address between registration and push gains nothing. A literal
//! address in a URL never comes past the resolver; `judge_literal` is for those, before each request.
//!
//! What a connection cost is noted in a task-local [`Dial`]. hyper makes connections inside the task that
//! waits for them. It lets a connection finish in a task of its own when a pooled one became free first;
//! there no `Dial` is set, so nothing of it is charged to an attempt that did not use it.

use std::cell::RefCell;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::failure::FailureClass;
use super::guard;

/// More addresses of one name than this are checked but not dialled: the time limit is shared among them.
const DIALLED_MAX: usize = 8;

/// What one attempt saw of making its connection. Stays empty when the connection came from the pool.
#[derive(Debug, Default)]
pub(super) struct Dial {
    /// The addresses given to the dialler, in the order in which it tries them.
    pub(super) addresses: Vec<IpAddr>,
    /// How long the name took to look up; `None` for a literal address.
    pub(super) lookup: Option<Duration>,
    /// TCP and TLS together, up to the moment the connection was ready; `None` until then.
    pub(super) connect: Option<Duration>,
}

tokio::task_local! {
    static DIAL: RefCell<Dial>;
}

impl Dial {
    /// Runs `work` and returns what it dialled beside its result.
    pub(super) async fn watch<T>(work: impl Future<Output = T>) -> (T, Self) {
        DIAL.scope(RefCell::default(), async {
            let result = work.await;
            (result, DIAL.with(RefCell::take))
        })
        .await
    }

    /// Has the watched work made a connection of its own?
    pub(super) fn connected() -> bool {
        DIAL.try_with(|dial| dial.borrow().connect.is_some()).unwrap_or(false)
    }

    /// The addresses noted so far, with the port that the URL asks for.
    pub(super) fn targets(port: u16) -> Vec<SocketAddr> {
        let with_port = |dial: &RefCell<Self>| {
            dial.borrow().addresses.iter().map(|&ip| SocketAddr::new(ip, port)).collect()
        };
        DIAL.try_with(with_port).unwrap_or_default()
    }

    fn note(change: impl FnOnce(&mut Self)) {
        // Not watched means that hyper finishes this connection in the background, for the pool.
        let _ = DIAL.try_with(|dial| change(&mut dial.borrow_mut()));
    }
}

/// Judges a URL whose host is an address and not a name. The parser of URLs has brought every spelling of an
/// address (`0x7f.1`, `2130706433`, `127.0.0.1.`) into its one normal form by now.
pub(super) fn judge_literal(url: &Url, allow: &[IpNet]) -> Result<(), FailureClass> {
    let host = url.host_str().unwrap_or_default();
    let unbracketed = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(ip) = unbracketed.parse::<IpAddr>() else { return Ok(()) };
    guard::verdict(ip, allow).map_err(|range| FailureClass::Forbidden { ip, range })?;
    Dial::note(|dial| dial.addresses = vec![ip]);
    Ok(())
}

/// The resolver of the operating system, with a time limit, and with the guard behind it.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    /// The networks that the operator opened.
    pub(super) allow: Arc<[IpNet]>,
    /// How long one look-up may take.
    pub(super) timeout: Duration,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (allow, limit) = (Arc::clone(&self.allow), self.timeout);
        Box::pin(async move {
            let began = Instant::now();
            let found = tokio::time::timeout(limit, tokio::net::lookup_host((name.as_str(), 0))).await;
            Dial::note(|dial| dial.lookup = Some(began.elapsed()));
            let found = match found {
                Err(_) => return Err(FailureClass::lookup_timed_out(name.as_str(), limit).into()),
                Ok(Err(error)) => return Err(FailureClass::lookup_failed(name.as_str(), &error).into()),
                Ok(Ok(found)) => found.map(|address| address.ip()).collect::<Vec<_>>(),
            };
            let chosen = choose(found, &allow)?;
            Dial::note(|dial| dial.addresses.clone_from(&chosen));
            // Port 0 stands for the port of the URL.
            let addresses: Addrs = Box::new(chosen.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// The addresses to dial out of all those of a name. One forbidden address condemns the name: whoever mixes
/// public and internal addresses counts on us to try the next one.
fn choose(mut found: Vec<IpAddr>, allow: &[IpNet]) -> Result<Vec<IpAddr>, FailureClass> {
    for &ip in &found {
        guard::verdict(ip, allow).map_err(|range| FailureClass::Forbidden { ip, range })?;
    }
    found.truncate(DIALLED_MAX);
    Ok(found)
}

/// Notes in [`Dial`] when a connection is ready, around reqwest's own connector.
#[derive(Clone, Debug)]
pub(super) struct DialTimer;

impl<S> Layer<S> for DialTimer {
    type Service = TimedDialler<S>;

    fn layer(&self, inner: S) -> TimedDialler<S> {
        TimedDialler { inner }
    }
}

/// A connector whose successes are noted.
#[derive(Clone, Debug)]
pub(super) struct TimedDialler<S> {
    inner: S,
}

impl<S, Target> Service<Target> for TimedDialler<S>
where
    S: Service<Target>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let began = Instant::now();
        let connecting = self.inner.call(target);
        Box::pin(async move {
            let connection = connecting.await?;
            Dial::note(|dial| {
                dial.connect = Some(began.elapsed().saturating_sub(dial.lookup.unwrap_or_default()));
            });
            Ok(connection)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::guard::ForbiddenRange;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn one_forbidden_address_among_public_ones_condemns_the_name() {
        let mut mixed = vec!["8.8.8.8"; 20];
        mixed.push("169.254.169.254");
        let forbidden = FailureClass::Forbidden {
            ip: "169.254.169.254".parse().unwrap(),
            range: ForbiddenRange::LinkLocal,
        };
        assert_eq!(choose(ips(&mixed), &[]), Err(forbidden));
    }

    #[test]
    fn only_the_first_few_addresses_of_a_name_are_dialled() {
        assert_eq!(choose(ips(&["8.8.8.8"; 20]), &[]).unwrap().len(), DIALLED_MAX);
        assert_eq!(choose(ips(&["1.1.1.1", "8.8.8.8"]), &[]).unwrap(), ips(&["1.1.1.1", "8.8.8.8"]));
    }

    #[test]
    fn a_forbidden_literal_is_refused_in_every_spelling_that_urls_know() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "0177.0.0.1",
            "2130706433",
            "0x7f000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
        ] {
            let url = Url::parse(&format!("http://{host}:8080/push")).unwrap();
            let verdict = judge_literal(&url, &[]);
            assert!(matches!(verdict, Err(FailureClass::Forbidden { .. })), "{host}: {verdict:?}");
        }
    }

    #[test]
    fn names_and_public_literals_pass_the_check_of_literals() {
        for host in ["example.com", "8.8.8.8", "[2606:4700::1111]"] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert_eq!(judge_literal(&url, &[]), Ok(()), "{host}");
        }
    }
}
