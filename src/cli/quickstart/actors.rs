//! Who works with the gateway in the demonstration: the operator who makes an app and gives it numbers, the
//! customer's application that binds, the switch that asks and reports.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Failed, text_of};
use crate::app::Gateway;
use crate::cli::say;
use crate::cli::sign::{self, SchemeWord};
use crate::clock::Clock;
use crate::engine::random;
use crate::wire::time_text::format_rfc3339_millis;

/// The two people.
pub(super) const A: &str = "+8613800000001";
pub(super) const B: &str = "+8613800000002";
/// X numbers of the demo app: this one and the 19 after it.
const FIRST_X: u64 = 8_617_000_000_001;
const X_COUNT: u64 = 20;
/// The name by which the demo app is found again in data of an earlier run.
const APP_NAME: &str = "quickstart";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The addresses of the gateway, as everybody writes them, and the token of operator and switch.
pub(super) struct Actors {
    client: reqwest::Client,
    pub(super) customer: String,
    pub(super) switch: String,
    pub(super) operator: String,
    pub(super) token: String,
}

/// The customer's credentials.
pub(super) struct DemoApp {
    pub(super) key: String,
    pub(super) secret: String,
}

impl Actors {
    pub(super) fn new(gateway: &Gateway, token: &str) -> Result<Self, Failed> {
        let client = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?;
        let [customer, switch, operator] =
            [gateway.customer, gateway.switch, gateway.operator].map(|address| format!("http://{address}"));
        Ok(Self { client, customer, switch, operator, token: token.to_owned() })
    }

    /// The demo app with its X numbers. In data of an earlier run it is there already: then it gets a new
    /// secret, and what that run bound between A and B is unbound.
    pub(super) async fn demo_app(&self, receiver: &str) -> Result<DemoApp, Failed> {
        let urls =
            json!({"callStatusUrl": format!("{receiver}/status"), "cdrUrl": format!("{receiver}/fee")});
        let apps = self.operate(Method::GET, "apps?limit=1000", Value::Null).await?;
        let is_ours = |app: &&Value| app["name"] == APP_NAME && app["mode"] == "AXB";
        if let Some(app) = apps["items"].as_array().into_iter().flatten().find(is_ours) {
            let key = text_of(app, "appKey")?;
            self.operate(Method::PATCH, &format!("apps/{key}"), urls).await?;
            let rotated =
                self.operate(Method::POST, &format!("apps/{key}/rotateSecret"), Value::Null).await?;
            self.unbind_all_of_a(&key).await?;
            return Ok(DemoApp { key, secret: text_of(&rotated, "appSecret")? });
        }
        let mut new = urls;
        (new["name"], new["mode"], new["pushNumberStatus"]) = (APP_NAME.into(), "AXB".into(), true.into());
        let app = self.operate(Method::POST, "apps", new).await?;
        let app = DemoApp { key: text_of(&app, "appKey")?, secret: text_of(&app, "appSecret")? };
        let number = |x| json!({"number": format!("+{x}"), "appKey": app.key, "areaCode": "0755"});
        let numbers: Vec<_> = (FIRST_X..FIRST_X + X_COUNT).map(number).collect();
        let added = self.operate(Method::POST, "numbers", json!({ "numbers": numbers })).await?;
        if added["added"] != X_COUNT {
            return Err(format!("the X numbers could not be added: {}", added["failed"]).into());
        }
        Ok(app)
    }

    async fn unbind_all_of_a(&self, key: &str) -> Result<(), Failed> {
        let query = format!("bindings?limit=1000&appKey={key}&party={}", A.replace('+', "%2B"));
        let bound = self.operate(Method::GET, &query, Value::Null).await?;
        for binding in bound["items"].as_array().into_iter().flatten() {
            let id = text_of(binding, "subscriptionId")?;
            self.operate(Method::DELETE, &format!("bindings/{id}"), Value::Null).await?;
        }
        Ok(())
    }

    /// Binds A and B. Returns X.
    pub(super) async fn bind(&self, app: &DemoApp) -> Result<String, Failed> {
        let url = format!("{}/rest/caas/relationnumber/partners/v1.0", self.customer);
        let body = format!(r#"{{"callerNum":"{A}","calleeNum":"{B}","areaCode":"0755","duration":3600}}"#);
        let mut request = self.client.post(&url).header("Content-Type", "application/json");
        for line in signed(app).lines() {
            let (name, value) = line.split_once(": ").ok_or("a header line")?;
            request = request.header(name, value);
        }
        let answer = request.body(body.clone()).send().await?.text().await?;
        say(&format!("   POST {url}\n   {body}\n   answer: {answer}"));
        text_of(&serde_json::from_str(&answer)?, "relationNum")
    }

    /// Asks where a call from A to `x` goes. Returns the call's names: the switch's and the gateway's.
    pub(super) async fn ask_for_route(&self, x: &str) -> Result<(String, String), Failed> {
        let call_id = format!("quickstart-{}", random::nonce());
        let question = json!({"callId": call_id, "caller": A, "called": x});
        let (url, answer) = self.tell_gateway("route", &question).await?;
        say(&format!("   POST {url}\n   {question}\n   answer: {answer}"));
        let decision: Value = serde_json::from_str(&answer)?;
        if decision["action"] != "connect" || decision["callee"] != B {
            return Err("the call was not connected with B".into());
        }
        Ok((call_id, text_of(&decision, "sessionId")?))
    }

    /// Reports the stages of a call that took sixteen seconds and has just ended.
    pub(super) async fn report(&self, call_id: &str, x: &str) -> Result<(), Failed> {
        let start = Clock::system().now().before(Duration::from_secs(16));
        let event = |n: u64, stage: &str| {
            let ts = format_rfc3339_millis(start.after(Duration::from_secs(4 * n)));
            json!({"eventId": format!("{call_id}-{n}"), "callId": call_id, "event": stage, "ts": ts})
        };
        let stages = ["callin", "callout", "alerting", "answer", "disconnect"];
        let mut events: Vec<_> = (0..).zip(stages).map(|(n, stage)| event(n, stage)).collect();
        (events[0]["caller"], events[0]["called"]) = (A.into(), x.into());
        (events[4]["sip"], events[4]["q850"], events[4]["by"]) = (200.into(), 16.into(), "callee".into());
        let (url, counted) = self.tell_gateway("events", &events.into()).await?;
        say(&format!("   POST {url}  (five events)\n   answer: {counted}"));
        Ok(())
    }

    /// A request of the switch. Returns where it went and the answer.
    async fn tell_gateway(&self, path: &str, body: &Value) -> Result<(String, String), Failed> {
        let url = format!("{}/switch/v1/{path}", self.switch);
        let request = self.client.post(&url).bearer_auth(&self.token);
        let request = request.header("Content-Type", "application/json").body(body.to_string());
        let answer = request.send().await?.error_for_status()?.text().await?;
        Ok((url, answer))
    }

    /// A request of the operator. An answer without a body is `null`.
    async fn operate(&self, method: Method, path: &str, body: Value) -> Result<Value, Failed> {
        let url = format!("{}/operator/v1/{path}", self.operator);
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(format!("the operator's request {path} was refused: {text}").into());
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

fn signed(app: &DemoApp) -> String {
    sign::headers(&sign::Options {
        key: app.key.clone(),
        secret: app.secret.clone(),
        scheme: SchemeWord::Aksk,
        nonce: None,
        created: None,
    })
}
