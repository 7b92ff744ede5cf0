//! Lists of the store as CSV: everything that fits, streamed in portions, so that its length costs no memory.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;

use super::Fault;
use crate::domain::id::RowKey;
use crate::engine::Engine;
use crate::http::{BodyWriter, Reply, ReplyBody};
use crate::store::query::Page;
use crate::store::{Store, StoreError};

/// Rows in one portion: some 100 KiB.
const PORTION: usize = 250;
/// `Content-Type` of a CSV.
const CSV: &str = "text/csv;charset=utf-8;header=present";

/// What is exported: how a page of it is found, which key a row has, and how rows read; the flag asks for the
/// header row before them.
pub(super) struct Export<R, F, C> {
    pub(super) find: Arc<F>,
    pub(super) key_of: fn(&R) -> RowKey,
    pub(super) csv: C,
}

impl<R, F, C> Export<R, F, C>
where
    R: Send + Sync + 'static,
    F: Fn(&dyn Store, Page) -> Result<Vec<R>, StoreError> + Send + Sync + 'static,
    C: Fn(&Engine, &[R], bool) -> Vec<u8> + Send + Sync + 'static,
{
    /// The first portion is read before anything is answered, so that a store that fails is told by the status.
    pub(super) async fn reply(self, engine: Engine) -> Result<Reply, Fault> {
        let first = self.portion(&engine, None).await?;
        let (writer, body) = ReplyBody::stream();
        tokio::spawn(async move {
            if let Err(why) = self.send(&engine, first, writer).await {
                tracing::warn!("an export broke off: {why}");
            }
        });
        Ok(Reply::new(StatusCode::OK, CSV, body))
    }

    /// Sends portion by portion. When it fails the writer is dropped unfinished, and the transfer breaks off.
    async fn send(
        &self,
        engine: &Engine,
        first: Vec<R>,
        mut writer: BodyWriter,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut rows = first;
        let mut with_header = true;
        loop {
            writer.send(Bytes::from((self.csv)(engine, &rows, with_header))).await?;
            with_header = false;
            let Some(last) = rows.last().filter(|_| rows.len() == PORTION) else { break };
            rows = self.portion(engine, Some((self.key_of)(last))).await?;
            if rows.is_empty() {
                break;
            }
        }
        Ok(writer.finish().await?)
    }

    async fn portion(&self, engine: &Engine, before: Option<RowKey>) -> Result<Vec<R>, StoreError> {
        let find = Arc::clone(&self.find);
        engine.query(move |store| find(store, Page { before, limit: PORTION })).await
    }
}
