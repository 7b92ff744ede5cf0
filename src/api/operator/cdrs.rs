//! CDRs: a page as JSON, or all that fit as CSV, streamed from the store in portions.

use bytes::Bytes;
use hyper::StatusCode;

use super::{Asked, Fault, OperatorApi, PageAsked, span};
use crate::engine::Engine;
use crate::http::{BodyWriter, Reply, ReplyBody};
use crate::store::query::{CdrFilter, CdrRow, Page};
use crate::wire::operator::cdr::{CdrAnswer, csv_rows};

/// The list that a cursor belongs to.
const CDRS: &str = "cdrs";
/// CDRs in one portion of a CSV: some 100 KiB.
const PORTION: usize = 250;
/// `Content-Type` of a CSV.
const CSV: &str = "text/csv;charset=utf-8;header=present";

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

    /// The first portion is read before anything is answered, so that a store that fails is told by the status.
    async fn export_cdrs(&self, filter: CdrFilter) -> Result<Reply, Fault> {
        let first = portion(&self.engine, &filter, None).await?;
        let (writer, body) = ReplyBody::stream();
        let engine = self.engine.clone();
        tokio::spawn(async move {
            if let Err(why) = export(&engine, &filter, first, writer).await {
                tracing::warn!("an export of CDRs broke off: {why}");
            }
        });
        Ok(Reply::new(StatusCode::OK, CSV, body))
    }
}

/// Sends portion by portion. When it fails the writer is dropped unfinished, and the transfer breaks off.
async fn export(
    engine: &Engine,
    filter: &CdrFilter,
    first: Vec<CdrRow>,
    mut writer: BodyWriter,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut rows = first;
    let mut with_header = true;
    loop {
        let cdrs: Vec<_> = rows.iter().map(|row| shown(engine, row)).collect();
        writer.send(Bytes::from(csv_rows(&cdrs, with_header))).await?;
        with_header = false;
        let Some(last) = rows.last().filter(|_| rows.len() == PORTION) else { break };
        rows = portion(engine, filter, Some(last.cdr.id)).await?;
        if rows.is_empty() {
            break;
        }
    }
    Ok(writer.finish().await?)
}

async fn portion(
    engine: &Engine,
    filter: &CdrFilter,
    before: Option<crate::domain::id::RowKey>,
) -> Result<Vec<CdrRow>, crate::store::StoreError> {
    let (filter, page) = (filter.clone(), Page { before, limit: PORTION });
    engine.query(move |store| store.find_cdrs(&filter, page)).await
}

fn shown(engine: &Engine, row: &CdrRow) -> CdrAnswer {
    let shared = engine.shared();
    CdrAnswer::of(&row.cdr, &shared.registry.customers.by_no(row.cdr.app), &shared.origin.ids)
}
