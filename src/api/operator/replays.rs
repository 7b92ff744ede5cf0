//! Replays: make, list, show, pause, resume, cancel.

use super::{Asked, Fault, OPERATOR, OperatorApi, PageAsked};
use crate::api::json;
use crate::domain::id::RowKey;
use crate::domain::replay::{Phase, Replay, SELECTED_MAX, Selection};
use crate::engine::job::ReplayOrder;
use crate::engine::replays::select;
use crate::http::Reply;
use crate::wire::operator::record::delivery_id;
use crate::wire::operator::replay::{ReplayAnswer, new_replay};

/// The list that a cursor belongs to.
const REPLAYS: &str = "replays";

impl OperatorApi {
    pub(super) async fn create_replay(&self, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let new = new_replay(&asked.body)?;
        let app = new.app_key.as_deref().map(|key| self.app(key)).transpose()?;
        let selection = Selection { app: app.map(|app| app.no), ..new.selection };
        let wanted = selection.clone();
        let selected = self.engine.query(move |store| select(store, &wanted)).await?;
        let selected = selected.ok_or_else(too_many_deliveries)?;
        let order = ReplayOrder::Create { selection, per_second: new.per_second, selected };
        let replay = self.engine.replay(OPERATOR, order).await??;
        Ok(json(202, &self.replay(&replay)))
    }

    pub(super) async fn list_replays(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let page = PageAsked::of(REPLAYS, &mut asked.params)?;
        asked.params.finish()?;
        let at = page.page;
        let rows = self.engine.query(move |store| store.find_replays(at)).await?;
        Ok(page.reply(&rows, |replay| replay.id, |replay| self.replay(replay)))
    }

    pub(super) async fn show_replay(&self, id: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        Ok(json(200, &self.replay(&self.stored_replay(id).await?)))
    }

    /// Pausing what is paused, and resuming what runs, changes nothing; nor does cancelling what is cancelled.
    pub(super) async fn steer_replay(
        &self,
        id: &str,
        order: fn(RowKey) -> ReplayOrder,
        asked: Asked,
    ) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let known = self.stored_replay(id).await?;
        let order = order(known.id);
        if known.phase == Phase::Cancelled && matches!(order, ReplayOrder::Cancel(_)) {
            return Ok(json(200, &self.replay(&known)));
        }
        let replay = self.engine.replay(OPERATOR, order).await??;
        Ok(json(200, &self.replay(&replay)))
    }

    async fn stored_replay(&self, id: &str) -> Result<Replay, Fault> {
        let id = delivery_id(id).ok_or_else(not_found)?;
        self.engine.query(move |store| store.replay(id)).await?.ok_or_else(not_found)
    }

    fn replay(&self, replay: &Replay) -> ReplayAnswer {
        let customers = &self.engine.shared().registry.customers;
        let app = replay.selection.app.map(|app| customers.by_no(app));
        ReplayAnswer::of(replay, app.as_deref())
    }
}

fn not_found() -> Fault {
    Fault::new(404, "replay_not_found", "there is no such replay")
}

fn too_many_deliveries() -> Fault {
    let message = format!("more than {SELECTED_MAX} deliveries are selected; narrow the filter");
    Fault::new(409, "too_many_deliveries", message)
}
