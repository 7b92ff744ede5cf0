//! Who is connected with whom, per mode.

use std::time::Duration;

use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::extension::Extension;
use crate::domain::id::BindingId;
use crate::domain::number::{E164, Pair, XNumber};
use crate::domain::time::Timestamp;

/// AX: X belongs to one A. Anyone who dials X reaches A; A dialling X reaches the temporary callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ax {
    /// The protected subscriber (`origNum`).
    pub a: E164,
    /// Whom A's own calls to X reach, if set (customer-api 3.5).
    pub next_callee: Option<Box<NextCallee>>,
    /// Whether `callDirection` was ever given: a query leaves it out if not (customer-api 3.4).
    pub direction_given: bool,
    /// `turnFlag`: kept and echoed; switches nothing here (customer-api 3.1).
    pub turned_on: bool,
}

/// The temporary callee of an AX binding. Valid, also for several calls, until `until` (customer-api 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextCallee {
    /// Whom A reaches.
    pub callee: E164,
    /// From this instant on the setting no longer counts.
    pub until: Timestamp,
    /// Echoed in the notices of A's calls, in place of the binding's own.
    pub user_data: Option<Box<str>>,
}

/// AXB: A and B reach each other through X, each seeing only X.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axb {
    /// The two parties.
    pub pair: Pair,
    /// `duration` as asked for, in seconds; 0 = never expires. A query echoes it.
    pub duration_secs: u32,
}

/// AXE: one of many subscribers of X. Whoever dials X and keys the extension reaches A; A dialling X reaches
/// the last caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axe {
    /// The protected subscriber (`bindNum`).
    pub a: E164,
    /// What callers key after X (`extendNum`).
    pub extension: Extension,
    /// `bindExpiredTime` as in force, counted from the bind or the modification that gave it; an amount of 0 =
    /// until unbound.
    pub life: Span,
    /// `callbackExpiredTime`: how long A can call the last caller back; an amount of 0 = while the binding
    /// stands.
    pub callback: Span,
    /// What a query reports in place of `life`.
    pub first: FirstGiven,
    /// What becomes of A's call to X when there is nobody to call back; `None` = as the app has it.
    pub fallback: Option<Box<Fallback>>,
    /// `displayNumMode` 1: kept and echoed; A sees X all the same, as carriers want it (customer-api 5.1).
    pub shows_caller: bool,
}

/// A length of time as customers of AXE write it: a number of hours or minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How many.
    pub amount: u16,
    /// Of what.
    pub unit: TimeUnit,
}

impl Span {
    /// Nothing: where a span says when something ends, it means never.
    pub const NONE: Self = Self { amount: 0, unit: TimeUnit::Hours };

    /// Its length in seconds.
    pub fn secs(self) -> u32 {
        u32::from(self.amount) * self.unit.secs()
    }

    /// Its length.
    pub fn length(self) -> Duration {
        Duration::from_secs(self.secs().into())
    }
}

/// `timeUnit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// `0`.
    #[default]
    Hours,
    /// `1`.
    Minutes,
}

impl TimeUnit {
    /// The wire value.
    pub const fn code(self) -> u8 {
        match self {
            Self::Hours => 0,
            Self::Minutes => 1,
        }
    }

    /// From the wire value.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Hours),
            1 => Some(Self::Minutes),
            _ => None,
        }
    }

    /// Most of them that an AXE span may have: 30 days (customer-api 5.1).
    pub const fn amount_max(self) -> u16 {
        match self {
            Self::Hours => 720,
            Self::Minutes => 43_200,
        }
    }

    const fn secs(self) -> u32 {
        match self {
            Self::Hours => 3_600,
            Self::Minutes => 60,
        }
    }
}

/// `timeUnit` and `bindExpiredTime` as they were first given. A query reports these: what a modification gives
/// later takes effect, but does not show when the bind had given it too (customer-api 5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstGiven {
    /// `timeUnit`.
    pub unit: Option<TimeUnit>,
    /// `bindExpiredTime`.
    pub amount: Option<u16>,
}

/// What becomes of A's call to X when nobody has called A through it. One or the other: giving both is refused
/// (customer-api 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// A hears this (`callbackTone`), and the call ends.
    Tone(Box<str>),
    /// A reaches this number (`callbackNum`).
    Number(E164),
}

impl Fallback {
    /// The tone file that is named, if it is a tone.
    pub fn tone(&self) -> Option<&str> {
        match self {
            Self::Tone(tone) => Some(tone),
            Self::Number(_) => None,
        }
    }
}

/// Who called A through an AXE binding last, and when: whom A's call to X reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastCaller {
    /// The caller.
    pub caller: E164,
    /// When the switch dialled A.
    pub at: Timestamp,
}

/// AXYB, the first step: X stands for one A. Whoever dials X reaches A, who is shown the Y of that caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axyb {
    /// The protected subscriber (`origNum` of the first step).
    pub a: E164,
    /// Where X was wanted; a Y is looked for there too unless its step says otherwise.
    pub area: AreaCode,
    /// How strictly that is meant.
    pub matching: AreaMatch,
    /// `duration` in seconds; 0 = until unbound.
    pub duration_secs: u32,
    /// How long a Y stands whose step does not say it, in seconds (`ybDuration`); 0 = as long as the binding.
    pub yb_duration_secs: u32,
}

/// AXYB, the second step: one B of an [`Axyb`] binding, on the X of which it stands. A reaches B by dialling Y, and
/// sees Y when B calls; B sees X and dials X.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yb {
    /// The binding of the first step. Its id is the subscriptionId of both.
    pub ax: BindingId,
    /// What stands for B towards A, and towards nobody else (`yNum`).
    pub y: XNumber,
    /// A of the binding, and B (`origNum` of the second step).
    pub pair: Pair,
    /// `ybDuration` as in force, in seconds; 0 = as long as the binding of the first step.
    pub duration_secs: u32,
}
