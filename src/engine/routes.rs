//! Answering the switch's question where a call goes.
//!
//! Nearly every call is decided from memory, at once. What memory alone cannot tell is [`Undecided`]: the pure decision
//! says what is missing, the engine gets it, and the registry decides again. Whatever has to be got is got once per
//! call, in a task of its own: the switch may ask again meanwhile, or hang up, and neither may ask a customer twice.

use std::sync::{Arc, Weak};

use tokio::sync::watch;

use super::job::Unserved;
use super::questions::{Question, Questions};
use super::under_way::{Leaving, UnderWay};
use super::{Engine, Shared};
use crate::domain::call::{CallId, Decision};
use crate::domain::customer::CustomerApp;
use crate::domain::number::{CallingParty, E164};
use crate::domain::route::{CallSetup, RejectCause, ReplyRefused, Route, Undecided};
use crate::wire::callback;
use crate::wire::reply::{REPLY_BYTES_MAX, call_reply};

/// An X-mode call as the task that asks the customer takes it along.
struct Asking {
    id: CallId,
    caller: E164,
    called: E164,
    app: Arc<CustomerApp>,
}

impl Engine {
    /// Answers the switch's question for a route: from memory alone, unless a customer has to be asked first or the caller needs a
    /// Y.
    pub async fn route(&self, id: &CallId, setup: CallSetup<'_>) -> Result<Arc<Decision>, Unserved> {
        let now = self.shared.clock.now();
        let decision = self.read(|shared| shared.registry.asked_or_decided(id, setup, now))?;
        let decision = match decision.route {
            Route::Undecided(Undecided::AskCustomer) => self.decided_by_customer(id, &decision).await?,
            Route::Undecided(Undecided::LendY(_)) => {
                let decision = Arc::new(self.decide_with_y(setup, &decision).await?);
                self.shared.registry.bind_to(id, decision, now)
            }
            Route::Connect(_) | Route::Collect(_) | Route::Reject(_) => {
                self.shared.registry.bind_to(id, decision, now)
            }
        };
        let answer = match &decision.route {
            Route::Connect(_) => "connect",
            Route::Collect(_) => "collect",
            Route::Reject(reject) => reject.cause.as_str(),
            Route::Undecided(_) => "undecided",
        };
        self.shared.metrics.routes.with_label_values(&[answer]).inc();
        Ok(decision)
    }

    /// Waits for what the customer decides about a call; asks if nobody has yet.
    async fn decided_by_customer(
        &self,
        id: &CallId,
        undecided: &Decision,
    ) -> Result<Arc<Decision>, Unserved> {
        let (CallingParty::Number(caller), Some(called), Some(app)) =
            (undecided.caller, undecided.called, undecided.app)
        else {
            unreachable!("only a call from a number to an app's X is undecided")
        };
        let mut awaited = {
            let mut under_way = self.calls_under_way.lock();
            if let Some(awaited) = under_way.get(id) {
                awaited.clone()
            } else if let Some(decided) =
                self.shared.registry.calls.asked(id).filter(|asked| asked.route.is_final())
            {
                // Decided since we looked: it is bound before it stops being under way.
                return Ok(decided);
            } else {
                let app = self.shared.registry.customers.by_no(app);
                let (tell, awaited) = watch::channel(None);
                under_way.insert(id.clone(), awaited.clone());
                let asking = Asking { id: id.clone(), caller, called, app };
                let task = asking.run(
                    Arc::downgrade(&self.shared),
                    Arc::clone(&self.call_questions),
                    Arc::clone(&self.calls_under_way),
                    self.shared.origin.ids.session(id.expose()),
                    tell,
                );
                tokio::spawn(task);
                awaited
            }
        };
        let decided = awaited.wait_for(Option::is_some).await.map_err(|_| Unserved::NotServing)?;
        decided.clone().ok_or(Unserved::NotServing)
    }
}

impl Asking {
    /// Asks the customer, decides, and lets all who wait know. Does not keep the store open meanwhile: a gateway that
    /// stops is not held up by a question.
    async fn run(
        self,
        shared: Weak<Shared>,
        questions: Arc<Questions>,
        under_way: Arc<UnderWay<CallId, Arc<Decision>>>,
        session: String,
        tell: watch::Sender<Option<Arc<Decision>>>,
    ) {
        // Dropped last, and also when this breaks off: nobody must wait for what is not under way.
        let _leaving = Leaving { under_way, what: self.id.clone() };
        let question = Question {
            app: &self.app,
            url: self.app.urls.call_status.as_deref(),
            body: callback::question(&session, self.caller, self.called, questions.now()),
            id: session,
            answer_max: REPLY_BYTES_MAX,
        };
        let asked = questions.ask(question).await;
        let Some(shared) = shared.upgrade() else { return };
        let refused = |cause, why: String| ReplyRefused { cause, why };
        let reply = if let Some(answer) = &asked.answer {
            call_reply(answer).map_err(|why| refused(RejectCause::ReplyUnusable, why))
        } else {
            let why = asked.record.failure.as_deref().unwrap_or_default().to_owned();
            Err(refused(RejectCause::NoReply, why))
        };
        let now = shared.clock.now();
        let setup = CallSetup {
            caller: CallingParty::Number(self.caller),
            called: Some(self.called),
            extension: None,
        };
        let app = self.app.no;
        let decide = |shared: &Shared| shared.registry.decide_by_reply(app, setup, asked.record, reply, now);
        // Memory that is being loaded again decides nothing; the switch asks again.
        if let Ok(decision) = shared.read(decide) {
            tell.send_replace(Some(shared.registry.bind_to(&self.id, Arc::new(decision), now)));
        }
    }
}
