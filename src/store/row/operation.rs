//! The row of an operation on a binding.

use std::borrow::Cow;

use super::{RowError, columns};
use crate::domain::customer::Mode;
use crate::domain::extension::Extension;
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{E164, XNumber};
use crate::domain::operation::{Actor, BindingOperation, OperationKind};
use crate::domain::time::Timestamp;

columns! {
    /// What was done to a binding.
    OperationColumns of "binding_operation" {
        key: RowKey,
        kind: Cow<'r, str>,
        actor: Cow<'r, str>,
        app: AppNo,
        mode: Mode,
        binding: BindingId,
        x: XNumber,
        a: E164,
        b: Option<E164>,
        extension: Option<Extension>,
        callee: Option<E164>,
        expires_at: Option<Timestamp>,
        y: Option<XNumber>,
    }
}

impl From<&BindingOperation> for OperationColumns<'_> {
    fn from(operation: &BindingOperation) -> Self {
        let &BindingOperation {
            key,
            kind,
            actor,
            app,
            mode,
            binding,
            x,
            a,
            b,
            extension,
            callee,
            expires_at,
            y,
        } = operation;
        let (kind, actor) = (kind.as_str().into(), actor.as_str().into());
        Self { key, kind, actor, app, mode, binding, x, a, b, extension, callee, expires_at, y }
    }
}

impl OperationColumns<'_> {
    /// The operation that the row tells of.
    pub(crate) fn into_operation(self) -> Result<BindingOperation, RowError> {
        let Self { key, kind, actor, app, mode, binding, x, a, b, extension, callee, expires_at, y } = self;
        let kind = OperationKind::from_word(&kind).ok_or(RowError::Unreadable("binding_operation.kind"))?;
        let actor = Actor::from_word(&actor).ok_or(RowError::Unreadable("binding_operation.actor"))?;
        Ok(BindingOperation {
            key,
            kind,
            actor,
            app,
            mode,
            binding,
            x,
            a,
            b,
            extension,
            callee,
            expires_at,
            y,
        })
    }
}
