//! CDRs: a page as JSON, or all that fit as CSV, streamed from the store in portions.

use std::sync::Arc;

use super::export::Export;
use super::{Asked, Fault, OperatorApi, PageAsked, span};
use crate::engine::Engine;
use crate::http::Reply;
use crate::store::Store;
use crate::store::query::{CdrFilter, CdrRow};
use crate::wire::operator::cdr::{CdrAnswer, csv_rows};

/// The list that a cursor belongs to.
const CDRS: &str = "cdrs";

impl OperatorApi {
    pub(super) async fn list_cdrs(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let params = &mut asked.params;
        let page = PageAsked::of(CDRS, params)?;
        let result = |word: &str| match word {
            "answered" => Some(true),
            "unanswered" => Some(false),
            _ => None,
        };
        let filter = CdrFilter {
            app: self.app_filter(params),
            x: params.x_number("number")?,
            party: params.number("party")?,
            subscription: self.subscription_filter(params),
            session: params.text("sessionId"),
            answered: params.word("result", result, "answered or unanswered")?,
            span: span(params)?,
        };
        asked.params.finish()?;
        if asked.wants_csv {
            return self.export_cdrs(filter).await;
        }
        let at = page.page;
        let rows = self.engine.query(move |store| store.find_cdrs(&filter, at)).await?;
        Ok(page.reply(&rows, |row| row.cdr.id, |row| shown(&self.engine, row)))
    }

    async fn export_cdrs(&self, filter: CdrFilter) -> Result<Reply, Fault> {
        let export = Export {
            find: Arc::new(move |store: &dyn Store, page| store.find_cdrs(&filter, page)),
            key_of: |row: &CdrRow| row.cdr.id,
            csv: |engine: &Engine, rows: &[CdrRow], with_header| {
                let cdrs: Vec<_> = rows.iter().map(|row| shown(engine, row)).collect();
                csv_rows(&cdrs, with_header)
            },
        };
        export.reply(self.engine.clone()).await
    }
}

fn shown(engine: &Engine, row: &CdrRow) -> CdrAnswer {
    let shared = engine.shared();
    CdrAnswer::of(&row.cdr, &shared.registry.customers.by_no(row.cdr.app), &shared.origin.ids)
}
