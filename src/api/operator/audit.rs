//! The audit: who changed what, when.

use super::{Asked, Fault, OperatorApi, PageAsked};
use crate::domain::time::Timestamp;
use crate::http::Reply;
use crate::store::AuditEntry;
use crate::wire::operator::record::AuditAnswer;
use crate::wire::time_text::format_rfc3339_millis;

/// The list that a cursor belongs to.
const AUDIT: &str = "audit";

impl OperatorApi {
    pub(super) async fn list_audit(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let page = PageAsked::of(AUDIT, &mut asked.params)?;
        asked.params.finish()?;
        let at = page.page;
        let rows = self.engine.query(move |store| store.find_audit(at)).await?;
        Ok(page.reply(&rows, |entry| entry.id, shown))
    }
}

fn shown(entry: &AuditEntry) -> AuditAnswer {
    AuditAnswer {
        id: entry.id.get().to_string(),
        at: format_rfc3339_millis(Timestamp::from_millis(entry.id.millis())),
        actor: entry.actor.clone(),
        action: entry.action.clone(),
        subject: entry.subject.clone(),
        detail: entry.detail.clone(),
    }
}
