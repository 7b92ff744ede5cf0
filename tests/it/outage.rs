//! The database refuses what it is given: what customers are told, and what stands afterwards. The fault is a
//! trigger that a second connection puts into the database, so everything between is the real thing. Faults
//! that a database will not show on demand are in `tests/sim/`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{A, AXB, B, Customer, FEE, NUMBER_STATUS, Reaction, Switch, World, X};

struct Outage {
    world: World,
    app: Customer,
    /// A connection beside the gateway's.
    shell: rusqlite::Connection,
}

impl Outage {
    async fn new() -> Self {
        let (world, app) = World::axb().await;
        let shell = rusqlite::Connection::open(world.dir.path().join("data/privnum.db")).unwrap();
        Self { world, app, shell }
    }

    /// From now on the database refuses rows of `table` for which `when` is true.
    fn refuse(&self, table: &str, when: &str) {
        let sql = format!(
            "CREATE TRIGGER outage BEFORE INSERT ON {table} WHEN {when} \
             BEGIN SELECT RAISE(ABORT, 'asked for'); END"
        );
        self.shell.execute_batch(&sql).unwrap();
    }

    fn accept(&self) {
        self.shell.execute_batch("DROP TRIGGER outage").unwrap();
    }

    async fn bound(&self) -> Value {
        let query = format!("relationNum=%2B{}&pageSize=100", &X[1..]);
        let found = self.app.get(AXB, &query).await.json();
        found.get("totalCount").cloned().unwrap_or(json!(0))
    }
}

#[tokio::test]
async fn a_change_that_the_store_refuses_is_answered_500_and_nothing_of_it_stands() {
    let outage = Outage::new().await;
    let bind = json!({"callerNum": A, "calleeNum": B, "relationNum": X});
    outage.refuse("binding", "TRUE");
    assert_eq!(outage.app.post(AXB, &bind).await.code(), (500, "1010001".into()));
    assert_eq!(outage.bound().await, 0);
    outage.accept();
    let id = outage.app.bind_axb(X, A, B).await;

    outage.refuse("binding_ended", "TRUE");
    let which = format!("subscriptionId={id}");
    assert_eq!(outage.app.delete(AXB, &which).await.code(), (500, "1010001".into()));
    assert_eq!(outage.bound().await, 1, "what was not ended still stands");
    outage.accept();
    assert_eq!(outage.app.delete(AXB, &which).await.code(), (200, "0".into()));
    assert_eq!(outage.bound().await, 0);
}

#[tokio::test]
async fn one_row_that_the_store_refuses_fails_none_of_its_neighbours() {
    let outage = Outage::new().await;
    outage.refuse("binding", "NEW.a = 8613900000010");
    let mut binds = JoinSet::new();
    for n in 0..20 {
        let app = outage.app.clone();
        let pair = json!({"callerNum": format!("+86139000000{n:02}"), "calleeNum": format!("+86139000001{n:02}"), "relationNum": X});
        binds.spawn(async move { (n, app.post(AXB, &pair).await.code()) });
    }
    for (n, code) in binds.join_all().await {
        let expected = if n == 10 { (500, "1010001") } else { (200, "0") };
        assert_eq!(code, (expected.0, expected.1.to_owned()), "bind {n}");
    }
    assert_eq!(outage.bound().await, 19);
    drop(outage.world);
}

/// A push whose outcome is not on record has not happened, so it is made again; but later each time, and with a flag up
/// for operators.
#[tokio::test]
async fn pushes_whose_outcome_the_store_refuses_come_again_ever_later_and_count_for_nothing() {
    let outage = Outage::new().await;
    let world = &outage.world;
    outage.refuse("delivery_ended", "TRUE");
    let path = format!("numbers/%2B{}/status", &X[1..]);
    let changed = world.operator().ask("POST", &path, &json!({"status": "9"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let mut pushed_at = Vec::new();
    for second in 0..60 {
        pushed_at.extend(world.pushed(NUMBER_STATUS).await.iter().map(|_| second));
        world.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(pushed_at, [0, 5, 15, 35]);
    assert_eq!(world.metric("privnum_store_ok"), 0);
    let shown = async || {
        let deliveries = world.operator().ask("GET", "deliveries", &Value::Null).await.json();
        ["state", "pushes"].map(|member| deliveries["items"][0][member].clone())
    };
    assert_eq!(shown().await, [json!("pending"), json!(0)]);

    outage.accept();
    world.advance(Duration::from_secs(15)).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    assert_eq!(shown().await, [json!("delivered"), json!(1)]);
    assert_eq!(world.metric("privnum_store_ok"), 1);
}

/// A batch that the store refused is staged again; what it stands for has happened once.
#[tokio::test]
async fn events_and_cdrs_count_once_however_often_their_batch_is_tried() {
    let outage = Outage::new().await;
    let world = &outage.world;
    outage.app.bind_axb(X, A, B).await;
    world.switch().route("c", A, X).await;
    outage.refuse("call_event", "TRUE");
    let call = Switch::answered("c", A, X);
    for _ in 0..3 {
        assert_eq!(world.switch().try_report(&call).await.unwrap().status, 503);
    }
    outage.accept();
    assert_eq!(world.switch().report(&call).await, [5, 0, 0]);
    assert_eq!(world.metric("privnum_events_total{fate=\"accepted\"}"), 5);

    outage.refuse("cdr", "TRUE");
    for _ in 0..5 {
        world.advance(Duration::from_secs(1)).await;
    }
    assert!(world.pushed(FEE).await.is_empty());
    outage.accept();
    for _ in 0..2 {
        world.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.pushed(FEE).await.len(), 1);
    assert_eq!(world.metric("privnum_cdrs_total{end=\"reported\"}"), 1);
}

#[tokio::test]
async fn a_delivery_is_counted_as_exhausted_once_however_often_its_last_push_is_made() {
    let outage = Outage::new().await;
    let world = &outage.world;
    world.receiver.react(NUMBER_STATUS, Reaction::Answer(500, ""));
    let path = format!("numbers/%2B{}/status", &X[1..]);
    world.operator().ask("POST", &path, &json!({"status": "9"})).await;
    for minutes in [0, 1, 3, 5, 97, 97] {
        world.advance(Duration::from_secs(60 * minutes)).await;
        assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    }
    outage.refuse("delivery_ended", "TRUE");
    world.advance(Duration::from_secs(60 * 97)).await;
    for _ in 0..20 {
        world.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 3, "its outcome is not on record, so it comes again");
    assert_eq!(world.metric("privnum_deliveries_exhausted_total"), 0);
    outage.accept();
    for _ in 0..30 {
        world.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    assert_eq!(world.metric("privnum_deliveries_exhausted_total"), 1);
}
