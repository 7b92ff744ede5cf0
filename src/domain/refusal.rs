//! Why a command on bindings is refused. The edge gives each refusal its documented result code.

use std::fmt;

use super::area::AreaCode;
use super::customer::{Mode, NumberStatus};
use super::number::E164;

/// A command that changes nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The X number is not one that this app may use.
    XNotOwned,
    /// The X number takes no new bindings now.
    XNotUsable(NumberStatus),
    /// The X number carries as many bindings as it can.
    XFull,
    /// AXB: A or B already stands in another binding on this X.
    PartyAlreadyBound,
    /// AX: this A and this X are already bound.
    SamePairBound,
    /// AX: the X number belongs to another A.
    XTaken,
    /// AX: this A already has as many X numbers as one may have.
    TooManyX,
    /// AXE: the extension asked for is given out.
    ExtensionTaken,
    /// AXE: the X number has no extension left to give out.
    NoFreeExtension(NoFreeExtension),
    /// AXE: a time is longer than 30 days.
    TimeTooLong,
    /// AXE: A could call back for longer than the binding stands.
    CallbackOutlivesBinding,
    /// AXYB: this B has a Y of the binding.
    NumberBound(E164),
    /// AXYB: the binding has as many B as there may be.
    TooManyB,
    /// No X number could be chosen.
    NoneFree(NoneFree),
    /// No live binding answers the description.
    NoSuchBinding,
    /// A and B, or A and whom A's calls shall reach, are the same number.
    SameNumber,
    /// A party is itself a number that is lent out: the call would go round in a circle.
    PartyIsX,
    /// The app may not record calls.
    RecordingNotEnabled,
    /// The app works in another mode.
    WrongMode(Mode),
}

/// Why no X number could be chosen, counted over the numbers that were looked at. "Out of numbers" without a
/// reason is the most common complaint about services of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoneFree {
    /// Where was looked; `None` = in all areas.
    pub area: Option<AreaCode>,
    /// Nothing was asked for and A's own area is not known.
    pub area_unknown: bool,
    /// Numbers looked at.
    pub looked_at: usize,
    /// Suspended, unavailable or frozen.
    pub not_usable: usize,
    /// Carry as many bindings as they can.
    pub full: usize,
    /// One of the parties already stands there.
    pub party_stands: usize,
    /// One of the parties met somebody else there a moment ago.
    pub quarantined: usize,
}

/// Why an X number has no extension left, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFreeExtension {
    /// How many extensions the app's digits make.
    pub all: u32,
    /// Bound.
    pub bound: usize,
}

impl fmt::Display for NoFreeExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Of {} extensions, {} are bound and the others were a moment ago.", self.all, self.bound)
    }
}

impl fmt::Display for NoneFree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.area_unknown {
            return f.write_str("The area of A is not known and areaMatchMode is strict.");
        }
        match &self.area {
            Some(area) => write!(f, "Of {} X numbers in area {}", self.looked_at, area)?,
            None => write!(f, "Of {} X numbers", self.looked_at)?,
        }
        let Self { not_usable, full, party_stands, quarantined, .. } = self;
        write!(
            f,
            ", {full} are full, {party_stands} already carry a party, {quarantined} are in quarantine, \
             {not_usable} are not usable."
        )
    }
}
