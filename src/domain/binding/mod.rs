//! A binding: who may reach whom through one X number, on what terms, until when.

mod relation;

use std::fmt;
use std::time::Duration;

pub use self::relation::{
    Ax, Axb, Axe, Axyb, Fallback, FirstGiven, LastCaller, NextCallee, Span, TimeUnit, Yb,
};
use super::customer::Mode;
use super::id::{AppNo, BindingId};
use super::number::{E164, XNumber};
use super::time::Timestamp;

/// Most AXB pairs on one X (customer-api 4).
pub const AXB_PAIRS_MAX: u32 = 5_000;
/// Longest life of an AXB or AXYB binding in seconds: 90 days (customer-api 4.1, 6.1).
pub const AXB_DURATION_SECS_MAX: u32 = 7_776_000;
/// Longest call a binding may allow, in minutes (customer-api 3.1, 4.1).
pub const MAX_DURATION_MINUTES_MAX: u16 = 1_440;
/// Longest life of an AX temporary callee in seconds: 3 days (customer-api 3.5).
pub const NEXT_CALLEE_SECS_MAX: u32 = 259_200;

/// One binding on one X number. `R` is the relation: [`Ax`], [`Axb`], [`Axe`], [`Axyb`] or
/// [`Yb`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding<R> {
    /// The key of the binding; the customer sees it as subscriptionId.
    pub id: BindingId,
    /// The app that bound it. Only this app sees or changes it.
    pub app: AppNo,
    /// The number lent out.
    pub x: XNumber,
    /// Who is connected through it.
    pub relation: R,
    /// What calls through it may and shall do.
    pub terms: Terms,
    /// When auto-unbind falls.
    pub expiry: Expiry,
    /// When it was bound or last modified (`subscribeTime`, customer-api 4.4).
    pub since: Timestamp,
}

impl<R> Binding<R> {
    /// Whether the binding still connects calls at `now`. At the expiry instant itself it no longer does.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.expiry.is_due(now)
    }
}

/// Who may start a call (`callDirection` 0, 1, 2). In AX, "B" is anyone but A.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallDirection {
    /// Either party.
    #[default]
    Both,
    /// Only A.
    AToB,
    /// Only B.
    BToA,
}

impl CallDirection {
    /// The wire value.
    pub const fn code(self) -> u8 {
        match self {
            Self::Both => 0,
            Self::AToB => 1,
            Self::BToA => 2,
        }
    }

    /// From the wire value.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Both),
            1 => Some(Self::AToB),
            2 => Some(Self::BToA),
            _ => None,
        }
    }

    /// Whether A (or else B) may start a call.
    pub const fn permits(self, a_calls: bool) -> bool {
        match self {
            Self::Both => true,
            Self::AToB => a_calls,
            Self::BToA => !a_calls,
        }
    }
}

/// What calls through a binding may and shall do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Who may start a call.
    pub direction: CallDirection,
    /// Longest call in minutes from the answer; 0 = unlimited.
    pub max_duration_minutes: u16,
    /// Whether calls are recorded.
    pub record: bool,
    /// Whether short messages are relayed (`privateSms`).
    pub sms: bool,
    /// What few bindings have, kept apart so that the others stay small.
    pub extras: Option<Box<Extras>>,
}

impl Terms {
    /// The rarely given settings; empty ones when there are none.
    pub fn extras(&self) -> &Extras {
        const NONE: &Extras = &Extras {
            record_hint_tone: None,
            last_minute_tone: None,
            a_calls_tone: None,
            others_call_tone: None,
            user_data: None,
        };
        self.extras.as_deref().unwrap_or(NONE)
    }

    /// Replaces the rarely given settings; none at all take no memory.
    #[must_use]
    pub fn with_extras(mut self, extras: Extras) -> Self {
        self.extras = (extras != Extras::default()).then(|| Box::new(extras));
        self
    }

    /// Longest call in seconds from the answer; `None` = unlimited.
    pub fn max_duration(&self) -> Option<Duration> {
        (self.max_duration_minutes > 0)
            .then(|| Duration::from_secs(60 * u64::from(self.max_duration_minutes)))
    }
}

/// Tones and user data of a binding: texts that few bindings have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Played before recording starts (`recordHintTone`).
    pub record_hint_tone: Option<Box<str>>,
    /// Played one minute before the longest call ends (`lastMinVoice`).
    pub last_minute_tone: Option<Box<str>>,
    /// What A hears when A dials X (`preVoice.callerHintTone`).
    pub a_calls_tone: Option<Box<str>>,
    /// What the other hears who dials X (`preVoice.calleeHintTone`).
    pub others_call_tone: Option<Box<str>>,
    /// Echoed in every notice about calls of the binding (`userData`).
    pub user_data: Option<Box<str>>,
}

impl Extras {
    /// The tone files that are named.
    pub fn tones(&self) -> impl Iterator<Item = &str> {
        let Self { record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone, user_data: _ } = self;
        let named = [record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone];
        named.into_iter().filter_map(|tone| tone.as_deref())
    }
}

/// When auto-unbind falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Only an unbind ends the binding.
    Never,
    /// At this instant the binding ends, whether or not a timer has noticed.
    At(Timestamp),
}

impl Expiry {
    /// `secs` after `now`; 0 = never (customer-api 4.1, `duration`).
    pub fn in_secs(secs: u32, now: Timestamp) -> Self {
        match secs {
            0 => Self::Never,
            secs => Self::At(now.after(Duration::from_secs(secs.into()))),
        }
    }

    /// Whether the instant has come. The instant itself counts as come.
    pub fn is_due(self, now: Timestamp) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }
}

/// Why a binding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnbindCause {
    /// The app asked for it.
    Customer,
    /// An operator asked for it on behalf of the app.
    Operator,
    /// Its time was up.
    Expired,
    /// Its X number was moved to another app or removed.
    NumberWithdrawn,
    /// It has not ended: this is how it stood before a modification by which a party left it.
    Modified,
}

impl UnbindCause {
    /// The word in the store, the audit and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Expired => "expired",
            Self::NumberWithdrawn => "numberWithdrawn",
            Self::Modified => "modified",
        }
    }

    /// Inverse of [`UnbindCause::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Customer, Self::Operator, Self::Expired, Self::NumberWithdrawn, Self::Modified]
            .into_iter()
            .find(|cause| cause.as_str() == word)
    }
}

impl fmt::Display for UnbindCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A binding of whichever mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyBinding {
    /// X with one A.
    Ax(Binding<Ax>),
    /// X with a pair.
    Axb(Binding<Axb>),
    /// X with one of its subscribers.
    Axe(Binding<Axe>),
    /// AXYB: X with its A.
    Axyb(Binding<Axyb>),
    /// AXYB: one B of such an X, with its Y.
    Yb(Binding<Yb>),
}

impl AnyBinding {
    /// Its key.
    pub const fn id(&self) -> BindingId {
        match self {
            Self::Ax(binding) => binding.id,
            Self::Axb(binding) => binding.id,
            Self::Axe(binding) => binding.id,
            Self::Axyb(binding) => binding.id,
            Self::Yb(binding) => binding.id,
        }
    }

    /// Its X number.
    pub const fn x(&self) -> XNumber {
        match self {
            Self::Ax(binding) => binding.x,
            Self::Axb(binding) => binding.x,
            Self::Axe(binding) => binding.x,
            Self::Axyb(binding) => binding.x,
            Self::Yb(binding) => binding.x,
        }
    }

    /// The app that bound it.
    pub const fn app(&self) -> AppNo {
        match self {
            Self::Ax(binding) => binding.app,
            Self::Axb(binding) => binding.app,
            Self::Axe(binding) => binding.app,
            Self::Axyb(binding) => binding.app,
            Self::Yb(binding) => binding.app,
        }
    }

    /// When auto-unbind falls.
    pub const fn expiry(&self) -> Expiry {
        match self {
            Self::Ax(binding) => binding.expiry,
            Self::Axb(binding) => binding.expiry,
            Self::Axe(binding) => binding.expiry,
            Self::Axyb(binding) => binding.expiry,
            Self::Yb(binding) => binding.expiry,
        }
    }
}

impl AnyBinding {
    /// AXYB: the Y that it lends too.
    pub const fn y(&self) -> Option<XNumber> {
        match self {
            Self::Yb(binding) => Some(binding.relation.y),
            Self::Ax(_) | Self::Axb(_) | Self::Axe(_) | Self::Axyb(_) => None,
        }
    }

    /// The binding whose id customers know it by: for one B of AXYB that of its X, else its own.
    pub const fn subscription(&self) -> BindingId {
        match self {
            Self::Yb(binding) => binding.relation.ax,
            Self::Ax(_) | Self::Axb(_) | Self::Axe(_) | Self::Axyb(_) => self.id(),
        }
    }

    /// Its A.
    pub const fn a(&self) -> E164 {
        match self {
            Self::Ax(binding) => binding.relation.a,
            Self::Axb(binding) => binding.relation.pair.a(),
            Self::Axe(binding) => binding.relation.a,
            Self::Axyb(binding) => binding.relation.a,
            Self::Yb(binding) => binding.relation.pair.a(),
        }
    }

    /// Its B, where it names one.
    pub const fn b(&self) -> Option<E164> {
        match self {
            Self::Axb(binding) => Some(binding.relation.pair.b()),
            Self::Yb(binding) => Some(binding.relation.pair.b()),
            Self::Ax(_) | Self::Axe(_) | Self::Axyb(_) => None,
        }
    }

    /// How its app works.
    pub const fn mode(&self) -> Mode {
        match self {
            Self::Ax(_) => Mode::Ax,
            Self::Axb(_) => Mode::Axb,
            Self::Axe(_) => Mode::Axe,
            Self::Axyb(_) | Self::Yb(_) => Mode::Axyb,
        }
    }
}

/// What happens to the bindings of one X number. The store writes it, the registry absorbs it; after it has
/// been decided nothing may refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new binding stands.
    Bound(AnyBinding),
    /// A binding stands with other values. Id and X never change.
    Modified(AnyBinding),
    /// A binding stands no longer.
    Unbound {
        /// As it stood last.
        binding: AnyBinding,
        /// Why it ended.
        cause: UnbindCause,
        /// When it ended.
        at: Timestamp,
    },
    /// A party leaves a binding that goes on: [`Change::Modified`] follows. Nothing stands otherwise by this, but the
    /// party must not meet others on this X for a while, and what stood is kept like what ended.
    PartyLeft {
        /// As it stood before.
        before: AnyBinding,
        /// When.
        at: Timestamp,
    },
}

impl Change {
    /// The binding concerned, as it is after the change (or was before it ended).
    pub const fn binding(&self) -> &AnyBinding {
        match self {
            Self::Bound(binding)
            | Self::Modified(binding)
            | Self::Unbound { binding, .. }
            | Self::PartyLeft { before: binding, .. } => binding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_expiry_instant_a_binding_is_over() {
        let end = Timestamp::from_secs(100);
        assert!(!Expiry::At(end).is_due(Timestamp::from_millis(99_999)));
        assert!(Expiry::At(end).is_due(end));
        assert!(!Expiry::Never.is_due(Timestamp::from_millis(u64::MAX)));
    }

    #[test]
    fn zero_seconds_means_never() {
        let now = Timestamp::from_secs(100);
        assert_eq!(Expiry::in_secs(0, now), Expiry::Never);
        assert_eq!(Expiry::in_secs(60, now), Expiry::At(Timestamp::from_secs(160)));
    }

    #[test]
    fn call_direction_says_who_may_start() {
        let permits = |direction: CallDirection| (direction.permits(true), direction.permits(false));
        assert_eq!(permits(CallDirection::Both), (true, true));
        assert_eq!(permits(CallDirection::AToB), (true, false));
        assert_eq!(permits(CallDirection::BToA), (false, true));
        for code in 0..3 {
            assert_eq!(CallDirection::from_code(code).map(CallDirection::code), Some(code));
        }
        assert_eq!(CallDirection::from_code(3), None);
    }

    #[test]
    fn an_axb_binding_without_extras_stays_within_80_bytes() {
        assert!(size_of::<Binding<Axb>>() <= 80, "{}", size_of::<Binding<Axb>>());
    }

    #[test]
    fn an_axe_binding_without_extras_stays_within_104_bytes() {
        assert!(size_of::<Binding<Axe>>() <= 104, "{}", size_of::<Binding<Axe>>());
    }

    #[test]
    fn one_b_of_axyb_without_extras_stays_within_96_bytes() {
        assert!(size_of::<Binding<Yb>>() <= 96, "{}", size_of::<Binding<Yb>>());
    }

    #[test]
    fn a_span_is_hours_or_minutes_and_at_most_30_days() {
        for (unit, code) in [(TimeUnit::Hours, 0), (TimeUnit::Minutes, 1)] {
            assert_eq!((unit.code(), TimeUnit::from_code(code)), (code, Some(unit)));
            assert_eq!(Span { amount: unit.amount_max(), unit }.secs(), 30 * 86_400);
        }
        assert_eq!(TimeUnit::from_code(2), None);
    }
}
