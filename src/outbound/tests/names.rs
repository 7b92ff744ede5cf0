//! Names whose servers hang, contradict themselves and lure.

use std::net::IpAddr;

use tokio::task::JoinSet;

use super::dns::{NameServer, Reply};
use super::wire::assert_nobody_waits;
use super::*;
use crate::outbound::names::{NameFault, Names};

/// Asks `servers`, and keeps no answer for longer than its TTL, which here is 0.
fn asking(servers: &[&NameServer]) -> NameSettings {
    NameSettings {
        servers: servers.iter().map(|server| server.address).collect(),
        budget: NEVER_MET,
        kept_min: Duration::ZERO,
        hosts: "/nonexistent/hosts".into(),
        ..NameSettings::default()
    }
}

fn client_asking(server: &NameServer, allow: &[&str]) -> Outbound {
    let allow_networks = allow.iter().map(|network| network.parse().unwrap()).collect();
    Outbound::new(OutboundSettings { names: asking(&[server]), allow_networks, ..settings() }).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "look-ups are compared with it")]
fn ips(texts: &[&str]) -> Result<Arc<[IpAddr]>, NameFault> {
    Ok(texts.iter().map(|text| text.parse().unwrap()).collect())
}

#[tokio::test]
async fn a_dead_first_name_server_is_made_up_for_by_the_second() {
    let dead = NameServer::start(|_, _| Reply::Silence).await;
    let good = NameServer::start(|_, _| Reply::Found(&["192.0.2.1"])).await;
    let names = Names::new(asking(&[&dead, &good]));
    assert_eq!(names.lookup("a.example").await, ips(&["192.0.2.1"]));
}

#[tokio::test]
async fn a_name_server_that_cannot_tell_is_made_up_for_by_one_that_can() {
    let failing = NameServer::start(|_, _| Reply::Failed).await;
    let good = NameServer::start(|_, _| Reply::Found(&["192.0.2.1", "2001:db8::1"])).await;
    let names = Names::new(asking(&[&failing, &good]));
    assert_eq!(names.lookup("a.example").await, ips(&["2001:db8::1", "192.0.2.1"]));
}

#[tokio::test]
async fn name_servers_that_never_answer_are_a_failure_of_its_own_class_within_the_budget() {
    let dead = NameServer::start(|_, _| Reply::Silence).await;
    let names = NameSettings { budget: TINY, ..asking(&[&dead]) };
    let client = Outbound::new(OutboundSettings { names, ..settings() }).unwrap();
    let attempt = post_to(&client, "http://a.example/").await;
    let expected = "name could not be looked up: a.example (no answer within 0.06 s)";
    assert_eq!(words(&attempt), expected);
    let PushOutcome::Failed(failure) = &attempt.outcome else { unreachable!() };
    assert_eq!((failure.side(), failure.as_str()), (Side::Names, "lookup"));
    assert!(attempt.timings.dns.is_some() && attempt.timings.connect.is_none());

    let asked = dead.asked();
    assert_eq!(
        words(&post_to(&client, "http://A.Example./").await).replace("a.example.", "a.example"),
        expected
    );
    assert_eq!(dead.asked(), asked, "they are left alone for a while");
}

#[tokio::test]
async fn servers_that_say_they_failed_are_not_taken_for_a_name_that_does_not_exist() {
    let failing = NameServer::start(|_, _| Reply::Failed).await;
    let names = Names::new(asking(&[&failing]));
    let found = names.lookup("a.example").await;
    assert!(matches!(found, Err(NameFault::Failed(_))), "{found:?}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_yet_is_found_once_it_does() {
    let (address, _) = answering(1).await;
    let server = NameServer::start(|_, before| match before {
        0 => Reply::Absent,
        _ => Reply::Found(&["127.0.0.1"]),
    })
    .await;
    let client = client_asking(&server, &["127.0.0.0/8"]);
    let url = format!("http://new.example:{}/", address.port());
    assert_eq!(words(&post_to(&client, &url).await), "name not found: new.example");
    assert_eq!(post_to(&client, &url).await.outcome, PushOutcome::Answered(200));
}

/// The answer that is judged is the one that is dialled: there is no second question between.
#[tokio::test]
async fn a_name_that_changes_between_check_and_connect_gains_nothing() {
    let (address, _) = answering(1).await;
    let server = NameServer::start(|_, before| match before {
        0 => Reply::Found(&["127.0.0.1"]),
        _ => Reply::Found(&["169.254.169.254"]),
    })
    .await;
    let client = client_asking(&server, &["127.0.0.1/32"]);
    let attempt = post_to(&client, format!("http://rebinding.example:{}/", address.port())).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    assert_eq!((attempt.address, server.asked()), (Some(address), 1));
}

#[tokio::test]
async fn a_name_is_judged_again_for_each_connection() {
    let (address, _) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    let server = NameServer::start(|_, before| match before {
        0 => Reply::Found(&["127.0.0.1"]),
        _ => Reply::Found(&["169.254.169.254"]),
    })
    .await;
    let client = client_asking(&server, &["127.0.0.1/32"]);
    let url = format!("http://rebinding.example:{}/", address.port());
    assert_eq!(post_to(&client, &url).await.outcome, PushOutcome::Answered(200));
    let second = post_to(&client, &url).await;
    assert_eq!(words(&second), "address 169.254.169.254 is not allowed (link-local)");
    assert_eq!(second.address, None);
}

#[tokio::test]
async fn one_internal_address_among_the_allowed_ones_condemns_the_name() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = NameServer::start(|_, _| Reply::Found(&["127.0.0.1", "10.0.0.1", "::1"])).await;
    let client = client_asking(&server, &["127.0.0.1/32", "::1/128"]);
    let attempt = post_to(&client, format!("http://mixed.example:{port}/")).await;
    assert_eq!(words(&attempt), "address 10.0.0.1 is not allowed (private)");
    assert_nobody_waits(listener);
}

#[tokio::test]
async fn an_address_at_which_nobody_listens_makes_way_for_the_next() {
    let (address, _) = answering(1).await;
    let server = NameServer::start(|_, _| Reply::Found(&["127.0.0.2", "127.0.0.1"])).await;
    let client = client_asking(&server, &["127.0.0.0/8"]);
    let attempt = post_to(&client, format!("http://two.example:{}/", address.port())).await;
    assert_eq!((attempt.outcome, attempt.address), (PushOutcome::Answered(200), Some(address)));
}

#[tokio::test]
async fn a_receiver_that_moves_is_followed_when_its_connection_is_too_old() {
    let old = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = old.local_addr().unwrap().port();
    let new = tokio::net::TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let answering = async |listener: &tokio::net::TcpListener| {
        let mut stream = accept(listener).await;
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    };
    let served = tokio::spawn(async move {
        answering(&old).await;
        answering(&new).await;
    });
    let server = NameServer::start(|_, before| match before {
        0 => Reply::Found(&["127.0.0.1"]),
        _ => Reply::Found(&["127.0.0.2"]),
    })
    .await;
    let settings =
        OutboundSettings { names: asking(&[&server]), connection_age_max: Duration::ZERO, ..settings() };
    let client = Outbound::new(settings).unwrap();
    let url = format!("http://moving.example:{port}/");
    for address in ["127.0.0.1", "127.0.0.2"] {
        let attempt = post_to(&client, &url).await;
        assert_eq!(attempt.address.unwrap().ip().to_string(), address);
    }
    served.await.unwrap();
}

#[tokio::test]
async fn names_by_the_thousand_are_all_found() {
    let server = NameServer::start(|_, _| Reply::Found(&["192.0.2.1"])).await;
    let names = Names::new(NameSettings { kept_min: NEVER_MET, ..asking(&[&server]) });
    let mut lookups = JoinSet::new();
    for number in 0..2_000 {
        let names = names.clone();
        lookups.spawn(async move { names.lookup(&format!("n{}.example", number / 2)).await });
    }
    while let Some(found) = lookups.join_next().await {
        assert_eq!(found.unwrap(), ips(&["192.0.2.1"]));
    }
    assert!(server.asked() >= 1_000, "each name is asked for");
}

#[tokio::test]
async fn what_stands_in_the_hosts_file_is_not_asked_for_and_seen_when_it_changes() {
    let (address, _) = answering(1).await;
    let server = NameServer::start(|_, _| Reply::Absent).await;
    let dir = tempfile::tempdir().unwrap();
    let hosts = dir.path().join("hosts");
    let names =
        NameSettings { hosts: hosts.clone(), check_files_every: Duration::ZERO, ..asking(&[&server]) };
    let client = Outbound::new(OutboundSettings { names, ..settings() }).unwrap();
    let url = format!("http://receiver:{}/", address.port());
    assert_eq!(words(&post_to(&client, &url).await), "name not found: receiver");
    std::fs::write(&hosts, "127.0.0.1 receiver\n").unwrap();
    let asked = server.asked();
    assert_eq!(post_to(&client, &url).await.outcome, PushOutcome::Answered(200));
    assert_eq!(server.asked(), asked);
}
