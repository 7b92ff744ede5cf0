//! Asking name servers.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use tokio::task::JoinSet;

use super::cache::{Answer, NameFault};

/// No more name servers than this are asked: all of them at once.
const SERVERS_MAX: usize = 4;
/// When one family of addresses is known the other is waited for this long: there are name servers that never
/// answer questions for IPv6.
const OTHER_FAMILY_MAX: Duration = Duration::from_millis(300);
/// Questions under way at one name server: no fewer than `names` lets through.
const QUESTIONS_MAX: usize = 2 * super::LOOKUPS_MAX;

/// The name servers of a resolv.conf. Its search list does not count: names in URLs are whole names, and one
/// of a customer's must not be completed with a domain of ours.
pub(super) fn servers_of_resolv_conf(text: &[u8]) -> Vec<SocketAddr> {
    let Ok((config, _)) = parse_resolv_conf(text) else { return Vec::new() };
    config.name_servers().iter().map(|server| SocketAddr::new(server.ip, 53)).collect()
}

/// One resolver for each of `servers`, which asks at most for `budget`.
///
/// hickory can ask several servers at once too, but takes the first word of any of them for the answer of all,
/// also "I failed"; a server that is up and broken would then do more harm than one that is down.
pub(super) fn resolvers(servers: &[SocketAddr], budget: Duration) -> Arc<[TokioResolver]> {
    let mut options = ResolverOpts::default();
    options.timeout = budget;
    options.attempts = 1;
    options.max_active_requests = QUESTIONS_MAX;
    // Answers and failures are kept in `cache.rs`, under our bounds.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    let resolver = |&server: &SocketAddr| {
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server_config(server)]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.with_options(options.clone()).build().ok()
    };
    servers.iter().take(SERVERS_MAX).filter_map(resolver).collect()
}

fn server_config(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.into())
}

/// Asks all name servers at once, so that a dead one costs nothing, where in turn it would cost its time
/// limit. The first that knows is believed; those that failed leave it to the others.
pub(super) async fn ask(resolvers: &[TokioResolver], name: &str) -> Answer {
    let Ok(mut name) = Name::from_ascii(name) else {
        return Answer { known: Err(NameFault::NotFound), ttl: None };
    };
    name.set_fqdn(true);
    // Dropping the set ends what is under way in it.
    let mut asked: JoinSet<Answer> =
        resolvers.iter().map(|resolver| both_families(resolver.clone(), name.clone())).collect();
    let mut failure = None;
    while let Some(answer) = asked.join_next().await {
        let answer = answer.expect("asking does not panic");
        if !matches!(answer.known, Err(NameFault::Failed(_))) {
            return answer;
        }
        failure.get_or_insert(answer);
    }
    failure.unwrap_or_else(|| Answer::failed("no name servers are set up"))
}

/// Asks one name server for both families of addresses at once.
async fn both_families(resolver: TokioResolver, name: Name) -> Answer {
    let mut v4 = pin!(family(&resolver, name.clone(), RecordType::A));
    let mut v6 = pin!(family(&resolver, name, RecordType::AAAA));
    tokio::select! {
        first = &mut v4 => { let other = other(&first, v6).await; joined(first, other) }
        first = &mut v6 => { let other = other(&first, v4).await; joined(other, first) }
    }
}

async fn other(first: &Answer, second: impl Future<Output = Answer>) -> Answer {
    if first.known.is_err() {
        return second.await;
    }
    let late = Answer::failed("no answer for the other family of addresses");
    tokio::time::timeout(OTHER_FAMILY_MAX, second).await.unwrap_or(late)
}

/// What both families come to. A name that exists in one of them exists; and that one failed is no proof that
/// the name is absent.
fn joined(v4: Answer, v6: Answer) -> Answer {
    let ttl = [v4.ttl, v6.ttl].into_iter().flatten().min();
    let known = match (v4.known, v6.known) {
        (Ok(v4), Ok(v6)) => Ok(interleaved(&v4, &v6).into()),
        // Half an answer, since the other half failed: not to be believed longer than a failure.
        (Ok(ips), Err(NameFault::Failed(_))) | (Err(NameFault::Failed(_)), Ok(ips)) => {
            return Answer { known: Ok(ips), ttl: None };
        }
        (Ok(ips), Err(NameFault::NotFound)) | (Err(NameFault::NotFound), Ok(ips)) => Ok(ips),
        (Err(NameFault::Failed(why)), Err(_)) | (Err(_), Err(NameFault::Failed(why))) => {
            Err(NameFault::Failed(why))
        }
        (Err(NameFault::NotFound), Err(NameFault::NotFound)) => Err(NameFault::NotFound),
    };
    Answer { known, ttl }
}

/// The addresses of both families by turns, so that a family that leads nowhere costs one try.
fn interleaved(v4: &[IpAddr], v6: &[IpAddr]) -> Vec<IpAddr> {
    let longer = v4.len().max(v6.len());
    (0..longer).flat_map(|at| [v6.get(at), v4.get(at)]).flatten().copied().collect()
}

async fn family(resolver: &TokioResolver, name: Name, family: RecordType) -> Answer {
    match resolver.lookup(name, family).await {
        Ok(lookup) => {
            let ips: Vec<_> = lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
            let ttl = lookup.answers().iter().map(|record| record.ttl).min();
            let known = if ips.is_empty() { Err(NameFault::NotFound) } else { Ok(ips.into()) };
            Answer { known, ttl: ttl.map(|secs| Duration::from_secs(secs.into())) }
        }
        Err(error) => fault(&error),
    }
}

fn fault(error: &NetError) -> Answer {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => {
                let ttl = none.negative_ttl.map(|secs| Duration::from_secs(secs.into()));
                Answer { known: Err(NameFault::NotFound), ttl }
            }
            other => Answer::failed(&format!("name server answered: {other}")),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => {
            Answer::failed(&format!("name server answered: {code}"))
        }
        NetError::Timeout => Answer::failed("name servers did not answer"),
        other => Answer::failed(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str], ttl: u64) -> Answer {
        let ips: Vec<IpAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
        Answer { known: Ok(ips.into()), ttl: Some(Duration::from_secs(ttl)) }
    }

    fn absent(ttl: u64) -> Answer {
        Answer { known: Err(NameFault::NotFound), ttl: Some(Duration::from_secs(ttl)) }
    }

    #[test]
    fn addresses_of_both_families_take_turns_and_hold_as_long_as_the_shorter() {
        let both = joined(found(&["192.0.2.1", "192.0.2.2"], 60), found(&["2001:db8::1"], 20));
        assert_eq!(both, found(&["2001:db8::1", "192.0.2.1", "192.0.2.2"], 20));
    }

    #[test]
    fn a_name_exists_if_one_family_does_and_is_absent_only_if_both_say_so() {
        let failed = || Answer::failed("name servers did not answer");
        assert_eq!(joined(found(&["192.0.2.1"], 60), absent(30)).known, found(&["192.0.2.1"], 0).known);
        assert_eq!(joined(absent(30), absent(20)), absent(20));
        assert_eq!(joined(absent(30), failed()).known, failed().known);
        let half = joined(found(&["192.0.2.1"], 60), failed());
        assert_eq!((half.known.is_ok(), half.ttl), (true, None));
    }

    #[test]
    fn a_resolv_conf_gives_its_name_servers_and_nothing_gives_none() {
        let text = b"search corp.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions ndots:5\n";
        let expected = ["192.0.2.53:53", "[2001:db8::53]:53"].map(|server| server.parse().unwrap());
        assert_eq!(servers_of_resolv_conf(text), expected);
        assert_eq!(servers_of_resolv_conf(b""), []);
    }
}
