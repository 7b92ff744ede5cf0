//! The application's part: which mode it has, a bind, and the unbind.

use hyper::Method;
use serde_json::{Value, json};

use super::super::checks as c;
use super::super::judge::{Heard, Wanted};
use super::super::mode::{Bound, Mode};
use super::Script;

impl Script {
    /// Finds the mode by asking for a binding that is not there: another mode's URI is not allowed. An app that may use
    /// none of the URIs is one of mode X, where nothing is bound.
    pub(super) async fn app(&mut self) -> Option<Mode> {
        let mut heard = Err("nothing was asked".to_owned());
        let mut is_x = true;
        for mode in Mode::BINDING {
            heard = self.ask_bindings(Method::GET, mode, &[("subscriptionId", "none")], None).await;
            let code = heard.as_ref().ok().map(|answer| answer.body["resultcode"].clone());
            if matches!(code.as_ref().and_then(Value::as_str), Some("1012007" | "1016001")) {
                self.report.add(c::APP.ok(format!("it is an app of mode {}", mode.as_str())));
                return Some(mode);
            }
            is_x &= code.is_some_and(|code| code == "1010040");
        }
        if is_x {
            self.report.add(c::APP.ok("it is an app of mode X"));
            return Some(Mode::X);
        }
        self.check(&c::APP, &heard, &Wanted::status(200));
        None
    }

    /// A request about the bindings of a mode.
    async fn ask_bindings(
        &self,
        method: Method,
        mode: Mode,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Heard {
        let path = mode.path().ok_or("in mode X nothing is bound")?;
        let mut query = query.to_vec();
        if mode == Mode::Axyb {
            query.push(("app_key", self.peer.key()));
        }
        self.peer.ask(method, path, &query, body).await
    }

    /// Binds, with recording where the app has it. In X mode there is only a number to be named.
    pub(super) async fn bind(&mut self, mode: Mode) -> Option<Bound> {
        let mut heard = match mode.bind(&self.cast, true) {
            Some(body) => self.ask_bindings(Method::POST, mode, &[], Some(&body)).await,
            None => return self.number(),
        };
        if heard.as_ref().is_ok_and(|answer| answer.body["resultcode"] == "1012012") {
            let body = mode.bind(&self.cast, false);
            heard = self.ask_bindings(Method::POST, mode, &[], body.as_ref()).await;
        }
        let wanted = Wanted::status(200).with("resultcode", "0").filled("subscriptionId");
        let bound = heard.as_ref().ok().and_then(|answer| mode.bound(&answer.body));
        self.check(&c::BIND, &heard, &wanted);
        if mode == Mode::Axyb { self.second_step(bound?).await } else { bound }
    }

    fn number(&mut self) -> Option<Bound> {
        let Some(x) = &self.cast.x else {
            let why =
                "in mode X nothing is bound: name a number of the app with --x to have its calls played";
            self.report.add(c::BIND.not_checked(why));
            return None;
        };
        Some(Bound { x: format!("+{}", x.trim_start_matches('+')), ..Bound::default() })
    }

    async fn second_step(&mut self, mut bound: Bound) -> Option<Bound> {
        let body = json!({"origNum": self.cast.b, "subscriptionId": bound.id});
        let heard = self.ask_bindings(Method::POST, Mode::Axyb, &[], Some(&body)).await;
        let wanted = Wanted::status(200).with("resultcode", "0").with("subscriptionId", bound.id.as_str());
        self.check(&c::SECOND_STEP, &heard, &wanted.filled("relationNumber"));
        let y = heard.ok().and_then(|answer| Some(answer.body["relationNumber"].as_str()?.to_owned()));
        if let Some(y) = y {
            bound.y = y;
            return Some(bound);
        }
        self.unbind(Mode::Axyb, &bound).await;
        None
    }

    pub(super) async fn unbind(&mut self, mode: Mode, bound: &Bound) {
        if mode == Mode::X {
            return;
        }
        let heard = self.ask_bindings(Method::DELETE, mode, &[("subscriptionId", &bound.id)], None).await;
        if heard.as_ref().is_ok_and(|answer| answer.body["resultcode"] == "0") {
            let (_, heard) = self.question("unbound", mode, bound).await;
            self.check(&c::UNBOUND, &heard, &Wanted::status(200).with("action", "reject"));
        } else {
            self.check(&c::UNBOUND, &heard, &Wanted::status(200));
        }
    }
}
