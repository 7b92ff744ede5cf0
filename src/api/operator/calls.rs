//! Calls: list and show. All that was reported is in the store; a route answer that no report followed is only
//! in memory, and can be shown but not listed.

use super::{Asked, Fault, OPERATOR, OperatorApi, PageAsked, span};
use crate::api::json;
use crate::domain::call::Call;
use crate::domain::id::RowKey;
use crate::engine::CallNotStopped;
use crate::http::Reply;
use crate::store::query::{CallFilter, Page};
use crate::wire::operator::call::{CallAnswer, CallDetail};

/// The list that a cursor belongs to.
const CALLS: &str = "calls";

impl OperatorApi {
    pub(super) async fn list_calls(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let params = &mut asked.params;
        let page = PageAsked::of(CALLS, params)?;
        let filter = CallFilter {
            app: self.app_filter(params),
            x: params.x_number("number")?,
            session: params.text("sessionId"),
            open_only: params.boolean("open")?.unwrap_or(false),
            span: span(params)?,
        };
        asked.params.finish()?;
        let at = page.page;
        let rows = self.engine.query(move |store| store.find_calls(&filter, at)).await?;
        let shared = self.engine.shared();
        Ok(page.reply(
            &rows,
            |call| call.key,
            |call| {
                let app = call.app().map(|app| shared.registry.customers.by_no(app));
                CallAnswer::of(call, app.as_deref(), &shared.origin.ids)
            },
        ))
    }

    pub(super) async fn show_call(&self, session: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let filter = CallFilter { session: Some(session.to_owned()), ..CallFilter::default() };
        let newest = Page { before: None, limit: 1 };
        let stored = self.engine.query(move |store| store.find_calls(&filter, newest)).await?;
        let call = match stored.into_iter().next() {
            Some(call) => Some(call),
            None => self.unreported(session.to_owned()).await?,
        };
        let call = call.ok_or_else(|| Fault::new(404, "call_not_found", "there is no such call"))?;
        let shared = self.engine.shared();
        let app = call.app().map(|app| shared.registry.customers.by_no(app));
        Ok(json(200, &CallDetail::of(&call, app.as_deref(), &shared.origin.ids)))
    }

    /// Ends a call of whatever app.
    pub(super) async fn stop_call(&self, session: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        match self.engine.stop_call(None, session, Some(OPERATOR)).await {
            Ok(()) => Ok(json(200, &serde_json::json!({ "sessionId": session, "status": "stopping" }))),
            Err(CallNotStopped::NotThere) => {
                Err(Fault::new(404, "call_not_found", "no call with this sessionId is under way"))
            }
            Err(CallNotStopped::Switch(failure)) => {
                Err(Fault::new(502, "switch_unavailable", failure.to_string()))
            }
            Err(CallNotStopped::Unserved(why)) => Err(why.into()),
        }
    }

    /// A call of which nothing is known but the answer to the switch's question.
    async fn unreported(&self, session: String) -> Result<Option<Call>, Fault> {
        let found = self.engine.survey(move |engine| {
            let shared = engine.shared();
            let is_it = |id: &crate::domain::call::CallId| shared.origin.ids.session(id.expose()) == session;
            let (id, decision) = shared.registry.calls.find_unreported(is_it)?;
            let mut call = Call::new(RowKey::floor(decision.at.millis()), id, session.into());
            call.decision = Some(decision.as_ref().clone());
            Some(call)
        });
        Ok(found.await?)
    }
}
