//! Deliveries: list, show with the attempts, and push once more.

use super::{Asked, Fault, OPERATOR, OperatorApi, PageAsked, span};
use crate::api::json;
use crate::domain::delivery::{NoticeKind, State};
use crate::domain::id::RowKey;
use crate::http::Reply;
use crate::store::query::{DeliveryDetail as StoredDelivery, DeliveryFilter, DeliveryRow};
use crate::wire::operator::record::{
    AttemptAnswer, DeliveryAnswer, DeliveryDetail, LastPush, delivery_id, frozen_body,
};
use crate::wire::time_text::format_rfc3339_millis;

/// The list that a cursor belongs to.
const DELIVERIES: &str = "deliveries";

impl OperatorApi {
    pub(super) async fn list_deliveries(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let params = &mut asked.params;
        let page = PageAsked::of(DELIVERIES, params)?;
        let filter = DeliveryFilter {
            app: self.app_filter(params),
            session: params.text("sessionId"),
            kind: params.word("kind", NoticeKind::from_word, "event, cdr, numStatus or sms")?,
            state: params.word("state", State::from_word, "pending, delivered or exhausted")?,
            span: span(params)?,
        };
        asked.params.finish()?;
        let at = page.page;
        let rows = self.engine.query(move |store| store.find_deliveries(&filter, at)).await?;
        Ok(page.reply(&rows, |row| row.delivery.id, |row| self.delivery(row)))
    }

    pub(super) async fn show_delivery(&self, id: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let id = delivery_id(id).ok_or_else(not_found)?;
        let StoredDelivery { row, attempts, body } = self.stored_delivery(id).await?;
        let detail = DeliveryDetail {
            delivery: self.delivery(&row),
            attempts: attempts.into_iter().map(AttemptAnswer::from).collect(),
            body: frozen_body(&body),
        };
        Ok(json(200, &detail))
    }

    pub(super) async fn redeliver(&self, id: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let id = delivery_id(id).ok_or_else(not_found)?;
        if !self.engine.redeliver(OPERATOR, id).await? {
            return Err(not_found());
        }
        let stored = self.stored_delivery(id).await?;
        Ok(json(202, &self.delivery(&stored.row)))
    }

    async fn stored_delivery(&self, id: RowKey) -> Result<StoredDelivery, Fault> {
        self.engine.query(move |store| store.delivery(id)).await?.ok_or_else(not_found)
    }

    pub(super) fn delivery(&self, row: &DeliveryRow) -> DeliveryAnswer {
        let app = self.engine.shared().registry.customers.by_no(row.delivery.app);
        let last_push = row.last_push.clone().map(|push| LastPush {
            at: format_rfc3339_millis(push.at),
            url: push.url,
            failure: push.failure,
        });
        DeliveryAnswer::of(&row.delivery, &app, row.session.as_deref(), row.ended_at, row.stage, last_push)
    }
}

fn not_found() -> Fault {
    Fault::new(404, "delivery_not_found", "there is no such delivery")
}
