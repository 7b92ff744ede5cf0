//! AXYB: an unknown B dials X and gets a Y, so that A can call back. The call goes on when the Y is durable, and only
//! then: a route answer that waits for the writer. Every call of a B that has one is decided from memory.

use std::time::Duration;

use tracing::warn;

use super::Engine;
use super::job::Unserved;
use crate::domain::axyb::YbBind;
use crate::domain::binding::AnyBinding;
use crate::domain::call::{Basis, Decision};
use crate::domain::command::Command;
use crate::domain::number::CallingParty;
use crate::domain::refusal::Refusal;
use crate::domain::route::{CallSetup, NoY, Route, Undecided, no_y};

/// How long a caller waits for the writer at most. It is a hundred times what a commit takes, and people hang up
/// after a few seconds of silence.
const PATIENCE: Duration = Duration::from_secs(2);

impl Engine {
    /// What a call comes to whose caller needs a Y. Asked twice, at once or again, it is given the same.
    pub(super) async fn decide_with_y(
        &self,
        setup: CallSetup<'_>,
        undecided: &Decision,
    ) -> Result<Decision, Unserved> {
        let why = match tokio::time::timeout(PATIENCE, self.lend_y(undecided)).await {
            Ok(Ok(lent)) => lent.err().unwrap_or(NoY::NotWritten),
            Ok(Err(Unserved::NotServing)) => return Err(Unserved::NotServing),
            Ok(Err(Unserved::StoreUnavailable | Unserved::NotInTime | Unserved::Overloaded)) | Err(_) => {
                NoY::NotWritten
            }
        };
        // What became of number and binding meanwhile counts, whatever was asked for.
        let now = self.shared.clock.now();
        let decision = self.read(|shared| shared.registry.decide(setup, Basis::Asked, now))?;
        Ok(Decision { route: no_y(decision.route, why), ..decision })
    }

    /// Has the writer give the caller a Y, unless it has one by then.
    async fn lend_y(&self, undecided: &Decision) -> Result<Result<(), NoY>, Unserved> {
        let (Route::Undecided(Undecided::LendY(through)), CallingParty::Number(b), Some(app)) =
            (&undecided.route, undecided.caller, undecided.app)
        else {
            unreachable!("only a call from a number to an app's X needs a Y")
        };
        let binding = through.subscription.and_then(|ax| self.shared.registry.binding(app, ax, undecided.at));
        let Some(AnyBinding::Axyb(of)) = binding else {
            return Ok(Ok(())); // It has just ended.
        };
        let wanted = YbBind { b, duration_secs: None, tone: None, user_data: None, on_call: true };
        let search = self.search_for_y(&of, None, None);
        let Err(refusal) = self.command(app, Command::BindYb(of.id, search, wanted)).await? else {
            return Ok(Ok(()));
        };
        Ok(Err(match refusal {
            Refusal::NoneFree(why) => {
                let app = self.shared.registry.customers.by_no(app);
                warn!(app = %app.key, x = %of.x, "an unknown B was given no Y: {why}");
                NoY::NoneFree
            }
            Refusal::TooManyB => NoY::TooManyB,
            Refusal::PartyIsX => NoY::CallerIsLent,
            // The binding, its number or the app has changed: that decides the call.
            _ => NoY::NoneFree,
        }))
    }
}
