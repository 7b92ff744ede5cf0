//! The log of what was done to bindings: one line for each bind, modify and end, for the operator's usage records.

use super::binding::{AnyBinding, Change, Expiry, UnbindCause};
use super::customer::Mode;
use super::extension::Extension;
use super::id::{AppNo, BindingId, RowKey};
use super::number::{E164, XNumber};
use super::time::Timestamp;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// A binding was made.
    Bind,
    /// It was changed; naming a temporary callee is a change too.
    Modify,
    /// It was ended on request.
    Unbind,
    /// Its time was up.
    Expire,
    /// Its X number was moved to another app or removed.
    Withdraw,
}

impl OperationKind {
    const ALL: [Self; 5] = [Self::Bind, Self::Modify, Self::Unbind, Self::Expire, Self::Withdraw];

    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Modify => "modify",
            Self::Unbind => "unbind",
            Self::Expire => "expire",
            Self::Withdraw => "withdraw",
        }
    }

    /// Inverse of [`OperationKind::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Whose doing it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The app's own request.
    Customer,
    /// An operator's, on behalf of the app or about its X number.
    Operator,
    /// Nobody's: time passed, or an unknown B of AXYB called and was given a Y.
    System,
}

impl Actor {
    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }

    /// Inverse of [`Actor::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Customer, Self::Operator, Self::System].into_iter().find(|actor| actor.as_str() == word)
    }
}

/// One line of the log: no more than is asked for in usage records, so that it costs a bind as little as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingOperation {
    /// Its row; tells when.
    pub key: RowKey,
    /// What.
    pub kind: OperationKind,
    /// Whose doing.
    pub actor: Actor,
    /// The app whose binding it is.
    pub app: AppNo,
    /// How that app works.
    pub mode: Mode,
    /// The binding; of one B of AXYB that of its X.
    pub binding: BindingId,
    /// Its X number.
    pub x: XNumber,
    /// A, as it is after the operation.
    pub a: E164,
    /// B, where the mode has one.
    pub b: Option<E164>,
    /// The extension, where the mode has one.
    pub extension: Option<Extension>,
    /// The temporary callee, where one is set.
    pub callee: Option<E164>,
    /// When auto-unbind falls, or would have fallen.
    pub expires_at: Option<Timestamp>,
    /// AXYB: the Y of that B.
    pub y: Option<XNumber>,
}

impl BindingOperation {
    /// The line for a change that `asker` asked for.
    pub fn of(change: &Change, asker: Actor, key: RowKey) -> Self {
        let (kind, actor) = match change {
            Change::Bound(_) => (OperationKind::Bind, asker),
            Change::Modified(_)
            | Change::PartyLeft { .. }
            | Change::Unbound { cause: UnbindCause::Modified, .. } => (OperationKind::Modify, asker),
            // What had expired unnoticed is not the doing of whoever asks now.
            Change::Unbound { cause: UnbindCause::Expired, .. } => (OperationKind::Expire, Actor::System),
            Change::Unbound { cause: UnbindCause::NumberWithdrawn, .. } => (OperationKind::Withdraw, asker),
            Change::Unbound { cause: UnbindCause::Customer | UnbindCause::Operator, .. } => {
                (OperationKind::Unbind, asker)
            }
        };
        let binding = change.binding();
        let (mode, a, b, y) = (binding.mode(), binding.a(), binding.b(), binding.y());
        let (mut extension, mut callee) = (None, None);
        match binding {
            AnyBinding::Ax(ax) => callee = ax.relation.next_callee.as_deref().map(|next| next.callee),
            AnyBinding::Axe(axe) => extension = Some(axe.relation.extension),
            AnyBinding::Axb(_) | AnyBinding::Axyb(_) | AnyBinding::Yb(_) => {}
        }
        let expires_at = match binding.expiry() {
            Expiry::Never => None,
            Expiry::At(at) => Some(at),
        };
        let (app, x, binding) = (binding.app(), binding.x(), binding.subscription());
        Self { key, kind, actor, app, mode, binding, x, a, b, extension, callee, expires_at, y }
    }
}

#[cfg(test)]
mod tests {
    use super::super::binding::{Axb, Binding, Terms};
    use super::super::number::Pair;
    use super::*;

    fn binding() -> AnyBinding {
        let number = |n: u64| E164::from_word(8_613_800_000_000 + n).unwrap();
        AnyBinding::Axb(Binding {
            id: RowKey::floor(1),
            app: AppNo(1),
            x: XNumber::new(number(9)),
            relation: Axb { pair: Pair::new(number(1), number(2)).unwrap(), duration_secs: 60 },
            terms: Terms::default(),
            expiry: Expiry::At(Timestamp::from_secs(60)),
            since: Timestamp::from_secs(1),
        })
    }

    #[test]
    fn each_change_is_one_operation_and_time_passing_is_nobodys_doing() {
        let at = Timestamp::from_secs(60);
        let ended = |cause| Change::Unbound { binding: binding(), cause, at };
        for (change, kind, actor) in [
            (Change::Bound(binding()), OperationKind::Bind, Actor::Operator),
            (Change::Modified(binding()), OperationKind::Modify, Actor::Operator),
            (ended(UnbindCause::Customer), OperationKind::Unbind, Actor::Operator),
            (ended(UnbindCause::Operator), OperationKind::Unbind, Actor::Operator),
            (ended(UnbindCause::NumberWithdrawn), OperationKind::Withdraw, Actor::Operator),
            (ended(UnbindCause::Expired), OperationKind::Expire, Actor::System),
        ] {
            let line = BindingOperation::of(&change, Actor::Operator, RowKey::floor(7));
            assert_eq!((line.kind, line.actor, line.key), (kind, actor, RowKey::floor(7)));
            assert_eq!((line.expires_at, line.b.is_some()), (Some(at), true));
        }
    }

    #[test]
    fn words_lead_back_to_what_they_stand_for() {
        for kind in OperationKind::ALL {
            assert_eq!(OperationKind::from_word(kind.as_str()), Some(kind));
        }
        for actor in [Actor::Customer, Actor::Operator, Actor::System] {
            assert_eq!(Actor::from_word(actor.as_str()), Some(actor));
        }
        assert_eq!((OperationKind::from_word("binding"), Actor::from_word("")), (None, None));
    }
}
