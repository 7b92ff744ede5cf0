//! Section C: URL and query.

use serde_json::Value;

use crate::world::{A, AX, AXB, B, Customer, World, X};

const C: &str = "+8613800000003";
const D: &str = "+8613800000004";

/// The encoded form in which clients send a number.
fn encoded(number: &str) -> String {
    number.replace('+', "%2B")
}

async fn found(app: &Customer, query: &str) -> Vec<Value> {
    let answer = app.get(AXB, query).await;
    assert_eq!(answer.code(), (200, "0".into()), "{query}: {}", answer.text());
    answer.json()["relationNumList"].as_array().unwrap().clone()
}

// 22
#[tokio::test]
async fn a_plus_may_be_encoded_or_forgotten() {
    let (_world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    for x in [encoded(X), X.to_owned(), X.replace('+', "%20"), X.replace('+', "%2b")] {
        assert_eq!(found(&app, &format!("relationNum={x}")).await.len(), 1, "{x}");
    }
    assert_eq!(app.delete(AXB, &format!("relationNum={X}")).await.code(), (200, "0".into()));
}

// 23
#[tokio::test]
async fn parameters_come_in_any_order_and_an_empty_one_is_absent() {
    let (_world, app) = World::axb().await;
    let id = app.bind_axb(X, A, B).await;
    let x = encoded(X);
    for query in [
        format!("pageSize=20&relationNum={x}&pageIndex=1"),
        format!("subscriptionId=&relationNum={x}&callerNum=&calleeNum="),
        format!("relationNum=&subscriptionId={id}"),
    ] {
        assert_eq!(found(&app, &query).await[0]["subscriptionId"], id, "{query}");
    }
    let (_world, ax) = World::ax().await;
    ax.bind_ax(X, A).await;
    let query = format!("subscriptionId=&privateNum={x}&origNum={}", encoded(A));
    assert_eq!(ax.delete(AX, &query).await.code(), (200, "0".into()));
}

// 24
#[tokio::test]
async fn a_subscription_id_wins_over_the_number_beside_it() {
    let (_world, app) = World::axb().await;
    let (first, second) = (app.bind_axb(X, A, B).await, app.bind_axb(X, C, D).await);
    let query = format!("subscriptionId={first}&relationNum={}", encoded(X));
    let one = found(&app, &query).await;
    assert_eq!((one.len(), &one[0]["subscriptionId"]), (1, &first.clone().into()));
    assert_eq!(app.delete(AXB, &query).await.code(), (200, "0".into()));
    let left = found(&app, &format!("relationNum={}", encoded(X))).await;
    assert_eq!((left.len(), &left[0]["subscriptionId"]), (1, &second.into()));
}

// 24
#[tokio::test]
async fn a_number_alone_releases_every_pair_on_it() {
    let (_world, app) = World::axb().await;
    let ids = [app.bind_axb(X, A, B).await, app.bind_axb(X, C, D).await];
    assert_eq!(app.delete(AXB, &format!("relationNum={}", encoded(X))).await.code(), (200, "0".into()));
    for id in ids {
        let answer = app.get(AXB, &format!("subscriptionId={id}")).await;
        assert_eq!(answer.code(), (403, "1012007".into()));
    }
}

// 25
#[tokio::test]
async fn a_query_with_parties_finds_their_pair_and_pages_are_never_refused() {
    let (_world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    let second = app.bind_axb(X, C, D).await;
    let parties = format!("relationNum={}&callerNum={}&calleeNum={}", encoded(X), encoded(C), encoded(D));
    for pages in ["", "&pageIndex=1&pageSize=20", "&pageIndex=0&pageSize=0", "&pageIndex=x&pageSize=-7"] {
        let pair = found(&app, &format!("{parties}{pages}")).await;
        assert_eq!((pair.len(), &pair[0]["subscriptionId"]), (1, &second.clone().into()), "{pages}");
    }
}
