//! What an operator does first: make an app, give it numbers, watch them, suspend.

use privnum::app::Gateway;
use privnum::cli::sign::{Options, SchemeWord, headers};
use privnum::clock::Clock;
use privnum::config::Config;
use serde_json::{Value, json};

const CONFIG: &str = "[listen]\ncustomer = \"127.0.0.1:0\"\nswitch = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n\
    [store]\nkind = \"embedded\"\ndir = \"data\"\n[operator]\ntoken = \"operator-token-of-a-test\"\n\
    [switch]\ntoken = \"switch-token-of-a-test\"\n";

struct World {
    gateway: Gateway,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let gateway =
            Gateway::start(&Config::parse(CONFIG, dir.path()).unwrap(), Clock::system()).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { gateway, client, _dir: dir }
    }

    async fn operator(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("http://{}/operator/v1/{path}", self.gateway.operator);
        let request =
            self.client.request(method.parse().unwrap(), url).bearer_auth("operator-token-of-a-test");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn bind(&self, app: &Value, a: u64) -> Value {
        let sign = Options {
            key: app["appKey"].as_str().unwrap().into(),
            secret: app["appSecret"].as_str().unwrap().into(),
            scheme: SchemeWord::Aksk,
            nonce: None,
            created: None,
        };
        let url = format!("http://{}/rest/caas/relationnumber/partners/v1.0", self.gateway.customer);
        let mut request = self.client.post(url);
        for line in headers(&sign).lines() {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let body =
            json!({"callerNum": format!("+86{a}"), "calleeNum": format!("+86{}", a + 1), "areaCode": "0755"});
        let answer = request.body(body.to_string()).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn an_app_made_by_an_operator_binds_until_its_number_or_itself_is_suspended() {
    let world = World::new().await;
    let (status, app) = world.operator("POST", "apps", json!({"name": "demo", "mode": "AXB"})).await;
    assert_eq!(status, 201, "{app}");
    let number = json!({"number": "+8617000000001", "appKey": app["appKey"], "areaCode": "0755"});
    let (_, added) = world.operator("POST", "numbers", json!({"numbers": [number, number]})).await;
    assert_eq!((&added["added"], &added["failed"][0]["code"]), (&json!(1), &json!("number_exists")));

    assert_eq!(world.bind(&app, 13_800_000_001).await["resultcode"], "0");
    let (_, shown) = world.operator("GET", "numbers/%2B8617000000001", Value::Null).await;
    assert_eq!(
        (&shown["bound"], &shown["capacity"], &shown["status"]),
        (&json!(1), &json!(5_000), &json!("5"))
    );

    let (_, frozen) = world.operator("POST", "numbers/8617000000001/status", json!({"status": "11"})).await;
    assert_eq!(frozen["status"], "11");
    let refused = world.bind(&app, 13_800_000_003).await;
    assert_eq!(refused["resultcode"], "1012008");
    assert!(refused["resultdesc"].as_str().unwrap().contains("1 are not usable"), "{refused}");

    let key = app["appKey"].as_str().unwrap();
    world.operator("POST", &format!("apps/{key}/suspend"), Value::Null).await;
    assert_eq!(world.bind(&app, 13_800_000_003).await["resultcode"], "1010008");
    let (status, _) = world.operator("DELETE", "numbers/8617000000001", Value::Null).await;
    assert_eq!(status, 409);
    let (status, _) = world.operator("DELETE", "numbers/8617000000001?force=true", Value::Null).await;
    assert_eq!(status, 204);
    world.gateway.stop().await;
}

#[tokio::test]
async fn slips_of_the_pen_are_refused_with_what_is_wrong() {
    let world = World::new().await;
    for (body, code) in [
        (json!({"name": "x", "mode": "AXB", "recordng": true}), "invalid_request"),
        (json!({"name": "x", "mode": "AXE"}), "invalid_request"),
        (json!({"name": "x", "mode": "AXB", "cdrUrl": "ftp://x"}), "invalid_request"),
        (json!({"name": "x", "mode": "AXB", "ipWhitelist": ["nowhere"]}), "invalid_request"),
    ] {
        let (status, answer) = world.operator("POST", "apps", body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(code)), "{answer}");
    }
    let url = format!("http://{}/operator/v1/apps", world.gateway.operator);
    assert_eq!(world.client.get(&url).bearer_auth("wrong").send().await.unwrap().status(), 401);
    assert_eq!(world.client.get(&url).send().await.unwrap().status(), 401);
    world.gateway.stop().await;
}
