//! Over which connection a push goes.

use super::receiver::wait_for_close;
use super::wire::assert_nobody_waits;
use super::*;

#[tokio::test]
async fn a_second_push_to_the_same_receiver_uses_the_same_connection() {
    let (address, served) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        for _ in 0..2 {
            read_request(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let client = client();
    let first = post_to(&client, format!("http://{address}/a")).await;
    let second = post_to(&client, format!("http://{address}/b")).await;
    served.await.unwrap();
    assert_eq!(second.outcome, PushOutcome::Answered(200));
    assert!(first.timings.connect.is_some());
    assert_eq!((second.timings.dns, second.timings.connect), (None, None));
    assert_eq!([first.connection, second.connection], [ConnectionUse::New, ConnectionUse::Kept]);
    assert_eq!(second.address, Some(address));
}

#[tokio::test]
async fn a_kept_connection_that_closes_under_the_request_is_replaced_once() {
    let (address, served) = receiver(async |listener| {
        let mut kept = accept(&listener).await;
        read_request(&mut kept).await;
        kept.write_all(OK.as_bytes()).await.unwrap();
        let lost = read_request(&mut kept).await;
        drop(kept);
        let mut fresh = accept(&listener).await;
        let repeated = read_request(&mut fresh).await;
        fresh.write_all(OK.as_bytes()).await.unwrap();
        (lost, repeated)
    })
    .await;
    let client = client();
    post_to(&client, format!("http://{address}/")).await;
    let attempt = post_to(&client, format!("http://{address}/")).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    assert!(attempt.timings.connect.is_some());
    assert_eq!(attempt.connection, ConnectionUse::Replaced);
    let (lost, repeated) = served.await.unwrap();
    assert_eq!(lost, repeated);
}

#[tokio::test]
async fn the_replacement_of_a_kept_connection_is_not_replaced_again() {
    let (address, served) = receiver(async |listener| {
        let mut kept = accept(&listener).await;
        read_request(&mut kept).await;
        kept.write_all(OK.as_bytes()).await.unwrap();
        read_request(&mut kept).await;
        drop(kept);
        read_request(&mut accept(&listener).await).await;
        listener
    })
    .await;
    let client = client();
    post_to(&client, format!("http://{address}/")).await;
    let attempt = post_to(&client, format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "connection closed before an answer");
    assert_nobody_waits(served.await.unwrap());
}

#[tokio::test]
async fn a_new_connection_that_closes_under_the_request_is_a_failure_at_once() {
    let (address, served) = receiver(async |listener| {
        read_request(&mut accept(&listener).await).await;
        listener
    })
    .await;
    let attempt = post_to(&client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "connection closed before an answer");
    assert_eq!((attempt.address, attempt.status), (Some(address), None));
    assert_nobody_waits(served.await.unwrap());
}

#[tokio::test]
async fn a_receiver_that_asks_for_close_is_not_kept() {
    let (address, served) = receiver(async |listener| {
        for _ in 0..2 {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            wait_for_close(&mut stream).await;
        }
    })
    .await;
    let client = client();
    for _ in 0..2 {
        let attempt = post_to(&client, format!("http://{address}/")).await;
        assert_eq!(attempt.outcome, PushOutcome::Answered(200));
        assert!(attempt.timings.connect.is_some());
    }
    served.await.unwrap();
}

#[tokio::test]
async fn a_kept_connection_that_closes_in_the_middle_of_an_answer_is_not_replaced() {
    let (address, served) = receiver(async |listener| {
        let mut kept = accept(&listener).await;
        read_request(&mut kept).await;
        kept.write_all(OK.as_bytes()).await.unwrap();
        read_request(&mut kept).await;
        kept.write_all(b"HTTP/1.1 2").await.unwrap();
        drop(kept);
        listener
    })
    .await;
    let client = client();
    post_to(&client, format!("http://{address}/")).await;
    let attempt = post_to(&client, format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "connection closed before an answer");
    assert_eq!(attempt.connection, ConnectionUse::Kept);
    assert_nobody_waits(served.await.unwrap());
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_not_used_again() {
    let (address, served) = answering(2).await;
    let settings = OutboundSettings { connection_age_max: Duration::ZERO, ..settings() };
    let client = Outbound::new(settings).unwrap();
    for _ in 0..2 {
        let attempt = post_to(&client, format!("http://{address}/")).await;
        assert_eq!(attempt.outcome, PushOutcome::Answered(200));
        assert_eq!(attempt.connection, ConnectionUse::New);
    }
    served.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let (address, served) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        wait_for_close(&mut stream).await;
    })
    .await;
    let client = Outbound::new(OutboundSettings { idle_timeout: TINY, ..settings() }).unwrap();
    post_to(&client, format!("http://{address}/")).await;
    tokio::time::timeout(NEVER_MET, served).await.expect("the connection is closed").unwrap();
    drop(client);
}
