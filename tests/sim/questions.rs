//! X mode in the world: at each call the customer is asked, and answers at last, or does not. What the engine does in
//! a task is done here step by step, so that calls end, numbers stop to carry calls, and crashes come in between.

use std::ops::RangeInclusive;

use privnum::domain::area::AreaCode;
use privnum::domain::attempt::Attempt;
use privnum::domain::call::{CallId, Decision};
use privnum::domain::customer::Mode;
use privnum::domain::id::AppNo;
use privnum::domain::number::{CallingParty, E164, XNumber};
use privnum::domain::route::{CallSetup, RejectCause, ReplyRefused, Route};
use privnum::domain::time::Timestamp;
use privnum::engine::job::SettingChange;
use privnum::wire::reply::call_reply;
use rand::RngExt;
use serde_json::{Value, json};

use super::cast::{app, number_of, x};
use super::world::World;

/// The app that has X mode, and its X numbers.
pub const APP: AppNo = AppNo(6);
pub const NUMBERS: RangeInclusive<u64> = 41..=42;

/// What the observer expects of a call: whom it reaches and what is shown there.
type Led = Result<(E164, XNumber), RejectCause>;

impl World {
    /// Makes the app and its numbers.
    pub fn found_x_mode(&mut self) {
        self.set(SettingChange::CreateApp(Box::new(app(APP.0, Mode::X, true))));
        self.model.apps.insert(APP, (Mode::X, false));
        let area = AreaCode::parse("010");
        self.set(SettingChange::AddNumbers(NUMBERS.map(|n| number_of(n, APP, area)).collect()));
        self.write_all();
    }

    /// The customer answers the question about a call, or it is known that it does not.
    pub fn answer_question(&mut self, id: &CallId, caller: E164, called: E164) {
        let setup = CallSetup { caller: CallingParty::Number(caller), called: Some(called), extension: None };
        let (answer, expected) = self.any_answer(XNumber::new(called));
        let mut record = attempt(self.now());
        let reply = if let Some(answer) = &answer {
            let unusable = |why| ReplyRefused { cause: RejectCause::ReplyUnusable, why };
            call_reply(answer.to_string().as_bytes()).map_err(unusable)
        } else {
            record.failure = Some("no answer".into());
            Err(ReplyRefused { cause: RejectCause::NoReply, why: "no answer".into() })
        };
        let registry = &self.shared.registry;
        let decision = registry.decide_by_reply(APP, setup, record, reply, self.now());
        let expected = self.may_be_asked(setup).and(expected);
        assert_eq!(outcome(&decision), expected, "{answer:?} about a call from {caller} to {called}");
        let decision = registry.bind_to(id, decision.into(), self.now());
        self.is_told(id, &decision);
    }

    /// An answer, and where the call goes then if it is still to be decided.
    fn any_answer(&mut self, dialled: XNumber) -> (Option<Value>, Led) {
        let callee = self.any_party();
        let shown = x(self.rng.random_range(NUMBERS));
        let connect = |info: Value| Some(json!({"operation": "connect", "connectInfo": info}));
        let refused = Err(RejectCause::ReplyUnusable);
        match self.rng.random_range(0..10) {
            0 => (None, Err(RejectCause::NoReply)),
            1 => (Some(json!({"operation": "perhaps"})), refused),
            2 => (Some(json!({"operation": "close"})), Err(RejectCause::ClosedByCustomer)),
            3 => (connect(json!({"calleeNum": x(1).number().expose()})), refused),
            4..7 => {
                let info = json!({"calleeNum": callee.expose(), "displayCalleeNum": shown.number().expose()});
                (connect(info), Ok((callee, shown)))
            }
            _ => (connect(json!({"calleeNum": callee.expose()})), Ok((callee, dialled))),
        }
    }

    /// Compares what is known about a call before anybody is asked.
    pub fn check_route_to_ask(&self, setup: CallSetup<'_>, route: &Route) {
        match (self.may_be_asked(setup), route) {
            (Err(expected), Route::Reject(reject)) => assert_eq!(reject.cause, expected),
            (Ok(()), route) if !route.is_final() => {}
            (expected, _) => {
                panic!("{:?} calls {:?}: {route:?}, not {expected:?}", setup.caller, setup.called)
            }
        }
    }

    fn may_be_asked(&self, setup: CallSetup<'_>) -> Result<(), RejectCause> {
        let status = self.disk.tables().numbers[&XNumber::new(setup.called.unwrap())].0.status;
        if !status.carries_calls() {
            return Err(RejectCause::NumberUnusable(status));
        }
        if self.model.apps[&APP].1 {
            return Err(RejectCause::AppSuspended);
        }
        matches!(setup.caller, CallingParty::Number(_)).then_some(()).ok_or(RejectCause::CallerUnusable)
    }
}

fn outcome(decision: &Decision) -> Led {
    assert!(decision.question.is_some(), "the question is not on record");
    match &decision.route {
        Route::Connect(connect) => Ok((connect.callee, connect.display)),
        Route::Reject(reject) => Err(reject.cause),
        Route::Collect(_) | Route::Undecided(_) => panic!("an answer decides: {decision:?}"),
    }
}

/// The record of a question that was answered at once.
pub fn attempt(at: Timestamp) -> Attempt {
    Attempt {
        at,
        url: "https://app.example/".into(),
        address: None,
        status: Some(200),
        took_ms: 1,
        timings: Vec::new(),
        answer: Box::default(),
        failure: None,
    }
}
