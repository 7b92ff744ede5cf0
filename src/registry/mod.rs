//! The working copy: everything a route decision needs, in memory, concurrent, synchronous.
//!
//! Any thread may read. Only the writer thread changes: it decides with [`Staging`], makes the outcome durable,
//! and then lets the registry absorb it. Nothing here waits, and no dashmap guard leaves the file that took it.

pub mod calls;
pub mod customers;
pub mod directory;
pub mod messages;
pub mod staging;
#[cfg(test)]
mod tests;
pub mod tones;

use std::sync::Arc;
use std::time::Duration;

use self::calls::Calls;
use self::customers::Customers;
use self::directory::Directory;
use self::messages::Messages;
pub use self::staging::Staging;
use self::tones::Tones;
use crate::domain::attempt::Attempt;
use crate::domain::binding::AnyBinding;
use crate::domain::call::{Basis, CallId, Decision};
use crate::domain::customer::{CustomerApp, Mode};
use crate::domain::id::{AppNo, BindingId};
use crate::domain::number::{E164, XNumber};
use crate::domain::route::{
    CallSetup, Dialled, Lent, Reject, RejectCause, Reply, ReplyRefused, Route, Undecided, follow, route,
    shown,
};
use crate::domain::sms::{Submitted, Verdict, addressee, relay};
use crate::domain::time::Timestamp;

/// Everything in memory that more than one thread looks at.
#[derive(Debug)]
pub struct Registry {
    /// X numbers and what is bound on them.
    pub directory: Directory,
    /// Apps.
    pub customers: Customers,
    /// Calls under way, and what was decided about them.
    pub calls: Calls,
    /// Short messages whose result is awaited, and those that ended lately.
    pub messages: Messages,
    /// Tone files, without their sound.
    pub tones: Tones,
}

/// What the rules say about a message, and whose number it was sent to.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// The app that owns the number, when it is one of ours.
    pub app: Option<AppNo>,
    /// How that app works.
    pub mode: Option<Mode>,
    /// What the rules say.
    pub verdict: Verdict,
}

impl Registry {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            directory: Directory::new(),
            customers: Customers::new(),
            calls: Calls::new(),
            messages: Messages::new(),
            tones: Tones::new(),
        }
    }

    /// What a call would meet at `now`, as far as memory can tell. Nothing is remembered.
    pub fn decide(&self, setup: CallSetup<'_>, basis: Basis, now: Timestamp) -> Decision {
        let CallSetup { caller, called, .. } = setup;
        let (app, mode, route) = called
            .and_then(|called| {
                self.directory.view(XNumber::new(called), |entry| {
                    let app = self.customers.by_no(entry.record.app);
                    let dialled = Dialled { number: &entry.record, app: &app, slot: entry.slot.as_ref() };
                    (Some(app.no), Some(app.mode), route(Some(dialled), setup, now))
                })
            })
            .unwrap_or_else(|| (None, None, route(None, setup, now)));
        let route = self.with_shown(route, called);
        Decision { at: now, caller, called, app, mode, route, basis, question: None }
    }

    /// AXYB: the number that the callee is to see is another than was dialled, and has a say too.
    fn with_shown(&self, route: Route, called: Option<E164>) -> Route {
        match &route {
            Route::Connect(connect) if Some(connect.display.number()) != called => {
                let status = self.directory.view(connect.display, |entry| entry.record.status);
                shown(route, status)
            }
            _ => route,
        }
    }

    /// What a short message would meet at `now`. Nothing is remembered.
    pub fn relay(&self, message: &Submitted, now: Timestamp) -> Relayed {
        // Looked up before the number is looked at: a guard is never taken under another.
        let addressee = message.text.as_ref().and_then(|text| addressee(text.expose()));
        let addressee = addressee.filter(|number| !self.is_lent(*number));
        let met = message.x.and_then(|x| {
            self.directory.view(XNumber::new(x), |entry| {
                let app = self.customers.by_no(entry.record.app);
                let dialled = Dialled { number: &entry.record, app: &app, slot: entry.slot.as_ref() };
                let verdict = relay(Some(dialled), message, addressee, now);
                Relayed { app: Some(app.no), mode: Some(app.mode), verdict }
            })
        });
        met.unwrap_or_else(|| Relayed {
            app: None,
            mode: None,
            verdict: relay(None, message, addressee, now),
        })
    }

    /// Whether a number is one of those that are lent out.
    pub fn is_lent(&self, number: E164) -> bool {
        self.directory.view(XNumber::new(number), |_| ()).is_some()
    }

    /// Answers the switch's question for a route. The first answer that is final binds for the life of the call.
    pub fn route(&self, id: &CallId, setup: CallSetup<'_>, now: Timestamp) -> Arc<Decision> {
        self.bind_to(id, self.asked_or_decided(id, setup, now), now)
    }

    /// The first half of [`Registry::route`]: what the switch was told about the call, or else what it would be
    /// told now. Nothing is remembered yet.
    pub fn asked_or_decided(&self, id: &CallId, setup: CallSetup<'_>, now: Timestamp) -> Arc<Decision> {
        let asked = self.calls.asked(id);
        // Switches send an empty text for what they do not have, so it means "keyed nothing" only after the
        // caller was asked.
        let extension = setup.extension.filter(|keyed| asked.is_some() || !keyed.is_empty());
        match asked {
            Some(asked) if asked.route.is_final() || extension.is_none() => asked,
            Some(_) | None => Arc::new(self.decide(CallSetup { extension, ..setup }, Basis::Asked, now)),
        }
    }

    /// What a call comes to that was undecided, now that the app `asked` was asked: decided again, because number and
    /// app may have changed meanwhile. `reply` is what the answer says, else why it says nothing.
    pub fn decide_by_reply(
        &self,
        asked: AppNo,
        setup: CallSetup<'_>,
        mut question: Attempt,
        reply: Result<Reply, ReplyRefused>,
        now: Timestamp,
    ) -> Decision {
        let mut decision = self.decide(setup, Basis::Asked, now);
        if let (Route::Undecided(Undecided::AskCustomer), Some(app), Some(called)) =
            (&decision.route, decision.app, decision.called)
        {
            // No app decides calls to another's numbers.
            let moved = || ReplyRefused {
                cause: RejectCause::NoReply,
                why: "the number went to another app while this one was asked".into(),
            };
            let reply = reply.and_then(|reply| if app == asked { Ok(reply) } else { Err(moved()) });
            let app = self.customers.by_no(app);
            let followed = reply.and_then(|reply| self.follow(reply, &app, XNumber::new(called)));
            decision.route = followed.unwrap_or_else(|refused| {
                question.failure = Some(refused.why.into());
                Route::Reject(Reject { cause: refused.cause, through: None, tone: None })
            });
        }
        Decision { question: Some(Arc::new(question)), ..decision }
    }

    fn follow(&self, reply: Reply, app: &CustomerApp, x: XNumber) -> Result<Route, ReplyRefused> {
        let lent_to = |number| self.directory.view(XNumber::new(number), |entry| entry.record.app);
        let (callee_of, display_of) = match &reply {
            Reply::Connect(forward) => (lent_to(forward.callee), forward.display.and_then(lent_to)),
            Reply::Close(_) => (None, None),
        };
        let missing = reply.tones().find(|(_, tone)| !self.tones.is_approved(app.no, tone));
        let missing = missing.map(|(member, tone)| (member, tone.to_owned()));
        let missing_tone = missing.as_ref().map(|(member, tone)| (*member, tone.as_str()));
        follow(reply, Lent { app, x, callee_of, display_of, missing_tone })
    }

    /// The second half: the decision binds, unless another bound meanwhile; the one that does is returned.
    pub fn bind_to(&self, id: &CallId, decision: Arc<Decision>, now: Timestamp) -> Arc<Decision> {
        self.calls.decided(id, now, || decision)
    }

    /// The binding with this id, if it is live and this app's.
    pub fn binding(&self, app: AppNo, id: BindingId, now: Timestamp) -> Option<AnyBinding> {
        let binding = self.directory.binding(id)?;
        (binding.app() == app && !binding.expiry().is_due(now)).then_some(binding)
    }

    /// Compares the look-ups with each other. Each line is one disagreement; none is what one hopes for.
    pub fn check_consistency(&self) -> Vec<String> {
        self.directory.check_consistency()
    }

    /// Forgets everything, before it is loaded again.
    pub fn clear(&self) {
        self.directory.clear();
        self.calls.clear();
        self.messages.clear();
        self.tones.clear();
    }

    /// Drops decisions that no call ever followed, calls that ended longer than `keep` ago, and messages that came
    /// in longer ago than that and have ended.
    pub fn forget_ended(&self, now: Timestamp, keep: Duration) {
        self.calls.forget(now, keep);
        self.messages.forget(now, keep);
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
