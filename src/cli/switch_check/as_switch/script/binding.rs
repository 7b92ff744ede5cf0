//! The application's part: which mode it has, a bind, and the unbind.

use hyper::Method;
use serde_json::{Value, json};

use super::super::super::report::Verdict;
use super::super::checks as c;
use super::super::judge::{Heard, Wanted, body_of, judge};
use super::super::mode::{Bound, Mode};
use super::Script;

/// The app has no recording.
const NO_RECORDING: &str = "1012012";
const NOTHING_LEFT: &str = "the bind was not answered, and has bound nothing";

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
        let Some(mut body) = mode.bind(&self.cast) else { return self.number() };
        body["userData"] = self.run.as_str().into();
        let mut heard = self.ask_bindings(Method::POST, mode, &[], Some(&body)).await;
        if heard.as_ref().is_ok_and(|answer| answer.body["resultcode"] == NO_RECORDING) {
            body["recordFlag"] = false.into();
            heard = self.ask_bindings(Method::POST, mode, &[], Some(&body)).await;
        }
        let wanted = Wanted::status(200).with("resultcode", "0").filled("subscriptionId");
        let bound = heard.as_ref().ok().and_then(|answer| mode.bound(&answer.body));
        self.check(&c::BIND, &heard, &wanted);
        if heard.is_err() {
            self.release_unanswered(mode).await;
        }
        if mode == Mode::Axyb { self.second_step(bound?).await } else { bound }
    }

    fn number(&mut self) -> Option<Bound> {
        let Some(x) = &self.cast.x else {
            let why =
                "in mode X nothing is bound: name a number of the app with --x to have its calls played";
            self.report.add(c::BIND.not_checked(why));
            return None;
        };
        Some(Bound { x: x.clone(), ..Bound::default() })
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

    /// A bind whose answer did not come may have bound all the same. Our bindings are known by their userData, where they
    /// can be looked up without knowing X.
    async fn release_unanswered(&mut self, mode: Mode) {
        let Some((query, list)) = mode.lookup(&self.cast) else {
            return self.report.add(c::UNBIND.not_checked(mode.left_behind()));
        };
        let heard = self.ask_bindings(Method::GET, mode, &query, None).await;
        let Some(bindings) = heard.as_ref().ok().and_then(|answer| answer.body[list].as_array()) else {
            let nothing_bound =
                ["1012007", "1016001"].iter().any(|code| body_of(&heard)["resultcode"] == *code);
            let why = if nothing_bound { NOTHING_LEFT } else { mode.left_behind() };
            return self.report.add(c::UNBIND.not_checked(why));
        };
        let ours = bindings.iter().find(|binding| binding["userData"] == self.run.as_str());
        match ours.and_then(|binding| binding["subscriptionId"].as_str()) {
            Some(id) => drop(self.release(mode, id).await),
            None => self.report.add(c::UNBIND.not_checked(NOTHING_LEFT)),
        }
    }

    /// Returns whether it worked.
    async fn release(&mut self, mode: Mode, id: &str) -> bool {
        let heard = self.ask_bindings(Method::DELETE, mode, &[("subscriptionId", id)], None).await;
        let finding = judge(&c::UNBIND, &heard, &Wanted::status(200).with("resultcode", "0"));
        let is_released = finding.verdict == Verdict::Ok;
        self.report.add(finding);
        is_released
    }

    /// Unbinds, and sees whether the call that was connected is rejected from then on.
    pub(super) async fn unbind(&mut self, mode: Mode, bound: &Bound) {
        if mode == Mode::X {
            return;
        }
        if self.release(mode, &bound.id).await {
            let (_, heard) = self.question("unbound", mode, bound).await;
            self.check(&c::UNBOUND, &heard, &Wanted::status(200).with("action", "reject"));
        } else {
            self.report.add(c::UNBOUND.not_checked(mode.left_behind()));
        }
    }
}
