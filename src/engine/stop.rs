//! Ending a call that is under way, for a customer or an operator.

use tracing::warn;

use super::Engine;
use super::job::{Unserved, Who};
use crate::control::{NotStopped, Stopped};
use crate::domain::id::AppNo;

/// Why a call was not ended.
#[derive(Debug, thiserror::Error)]
pub enum CallNotStopped {
    /// There is no such call, it is another app's, or it has ended.
    #[error("no call with this sessionId is under way")]
    NotThere,
    /// The switch did not take the order.
    #[error(transparent)]
    Switch(#[from] NotStopped),
    /// The gateway cannot note who gave the order.
    #[error(transparent)]
    Unserved(#[from] Unserved),
}

impl Engine {
    /// Has the switch end a call of this app, or with `None` of any app. `Ok` = the switch is ending it; its
    /// events follow as for any other end. With `who`, the order is in the audit before the switch gets it.
    pub async fn stop_call(
        &self,
        app: Option<AppNo>,
        session: &str,
        who: Option<Who>,
    ) -> Result<(), CallNotStopped> {
        let call = self.read(|shared| shared.registry.calls.of_session(session))?;
        let call = call.filter(|call| call.can_be_stopped(app)).ok_or(CallNotStopped::NotThere)?;
        if let Some(who) = who {
            self.note_order(who, "call.stop", session.to_owned()).await?;
        }
        let stops = &self.shared.metrics.call_stops;
        match self.outside.control.stop(&call.id).await {
            Ok(Stopped::Ending) => {
                stops.with_label_values(&["ending"]).inc();
                Ok(())
            }
            Ok(Stopped::NotThere) => {
                stops.with_label_values(&["ended"]).inc();
                Err(CallNotStopped::NotThere)
            }
            Err(failure) => {
                stops.with_label_values(&["failed"]).inc();
                warn!(session, "a call was not stopped: {failure}");
                Err(failure.into())
            }
        }
    }
}
