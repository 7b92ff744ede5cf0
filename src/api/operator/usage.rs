//! Usage records: the log of what was done to bindings. That of calls is the list of CDRs, which has the
//! unanswered ones too, and that of messages the list of messages.

use std::sync::Arc;

use super::export::Export;
use super::{Asked, Fault, OperatorApi, PageAsked, span};
use crate::domain::operation::{BindingOperation, OperationKind};
use crate::engine::Engine;
use crate::http::Reply;
use crate::store::query::OperationFilter;
use crate::wire::operator::usage::{OperationAnswer, csv_rows};

/// The list that a cursor belongs to.
const BIND_OPERATIONS: &str = "usageBindings";

impl OperatorApi {
    pub(super) async fn list_operations(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let params = &mut asked.params;
        let page = PageAsked::of(BIND_OPERATIONS, params)?;
        let words = "bind, modify, unbind, expire or withdraw";
        let filter = OperationFilter {
            app: self.app_filter(params),
            x: params.x_number("number")?,
            party: params.number("party")?,
            binding: self.subscription_filter(params),
            kind: params.word("operation", OperationKind::from_word, words)?,
            span: span(params)?,
        };
        asked.params.finish()?;
        if asked.wants_csv {
            let export = Export {
                find: Arc::new(move |store: &dyn crate::store::Store, page| {
                    store.find_operations(&filter, page)
                }),
                key_of: |operation: &BindingOperation| operation.key,
                csv: |engine: &Engine, rows: &[BindingOperation], with_header| {
                    let shown: Vec<_> = rows.iter().map(|row| shown(engine, row)).collect();
                    csv_rows(&shown, with_header)
                },
            };
            return export.reply(self.engine.clone()).await;
        }
        let at = page.page;
        let rows = self.engine.query(move |store| store.find_operations(&filter, at)).await?;
        Ok(page.reply(&rows, |row| row.key, |row| shown(&self.engine, row)))
    }
}

fn shown(engine: &Engine, operation: &BindingOperation) -> OperationAnswer {
    let shared = engine.shared();
    OperationAnswer::of(operation, &shared.registry.customers.by_no(operation.app), &shared.origin.ids)
}
