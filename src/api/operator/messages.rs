//! Short messages: a page as JSON, or all that fit as CSV, streamed from the store in portions; and one with the
//! notices about it.

use std::sync::Arc;

use super::export::Export;
use super::{Asked, Fault, OperatorApi, PageAsked, span};
use crate::api::json;
use crate::domain::sms::{Message, SendResult};
use crate::engine::Engine;
use crate::http::Reply;
use crate::store::Store;
use crate::store::query::{DeliveryFilter, MessageFilter, MessageStanding, Page};
use crate::wire::operator::message::{MessageAnswer, MessageDetail, csv_rows};

/// The list that a cursor belongs to.
const MESSAGES: &str = "messages";
/// Most notices that are shown with a message. There is one, as a rule.
const DELIVERIES_MAX: usize = 100;

impl OperatorApi {
    pub(super) async fn list_messages(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let params = &mut asked.params;
        let page = PageAsked::of(MESSAGES, params)?;
        let filter = MessageFilter {
            app: self.app_filter(params),
            x: params.x_number("number")?,
            party: params.number("party")?,
            identifier: params.text("smsIdentifier"),
            standing: params.word("result", standing, "0 to 13, or awaited")?,
            span: span(params)?,
        };
        asked.params.finish()?;
        if asked.wants_csv {
            return self.export_messages(filter).await;
        }
        let at = page.page;
        let rows = self.engine.query(move |store| store.find_messages(&filter, at)).await?;
        Ok(page.reply(&rows, |message| message.key, |message| shown(&self.engine, message)))
    }

    pub(super) async fn show_message(&self, identifier: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let filter = MessageFilter { identifier: Some(identifier.to_owned()), ..MessageFilter::default() };
        let newest = Page { before: None, limit: 1 };
        let found = self.engine.query(move |store| store.find_messages(&filter, newest)).await?.pop();
        let message =
            found.ok_or_else(|| Fault::new(404, "message_not_found", "there is no such message"))?;
        let about = DeliveryFilter { session: Some(identifier.to_owned()), ..DeliveryFilter::default() };
        let few = Page { before: None, limit: DELIVERIES_MAX };
        let deliveries = self.engine.query(move |store| store.find_deliveries(&about, few)).await?;
        let deliveries = deliveries.iter().map(|row| self.delivery(row)).collect();
        let shared = self.engine.shared();
        let app = message.app.map(|app| shared.registry.customers.by_no(app));
        Ok(json(200, &MessageDetail::of(&message, app.as_deref(), &shared.origin.ids, deliveries)))
    }

    async fn export_messages(&self, filter: MessageFilter) -> Result<Reply, Fault> {
        let export = Export {
            find: Arc::new(move |store: &dyn Store, page| store.find_messages(&filter, page)),
            key_of: |message: &Message| message.key,
            csv: |engine: &Engine, rows: &[Message], with_header| {
                let messages: Vec<_> = rows.iter().map(|message| shown(engine, message)).collect();
                csv_rows(&messages, with_header)
            },
        };
        export.reply(self.engine.clone()).await
    }
}

fn standing(word: &str) -> Option<MessageStanding> {
    match word {
        "awaited" => Some(MessageStanding::Awaited),
        code => SendResult::new(code.parse().ok()?).map(MessageStanding::Ended),
    }
}

fn shown(engine: &Engine, message: &Message) -> MessageAnswer {
    let shared = engine.shared();
    let app = message.app.map(|app| shared.registry.customers.by_no(app));
    MessageAnswer::of(message, app.as_deref(), &shared.origin.ids)
}
