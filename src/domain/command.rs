//! What can be asked of the bindings. Everything a decision needs is in the command or in what stands, so the
//! same command on the same state at the same `now` always has the same outcome.

use super::allocation::Search;
use super::ax::{AxBind, AxPatch};
use super::axb::{AxbBind, AxbPatch};
use super::axe::{AxeBind, AxePatch};
use super::axyb::{AxybBind, YbBind};
use super::binding::{AnyBinding, Fallback, UnbindCause};
use super::extension::Extension;
use super::id::{AppNo, BindingId};
use super::number::{E164, XNumber};

/// Which X number a bind wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XChoice {
    /// This one.
    Named(XNumber),
    /// Any that the search finds.
    Chosen(Search),
}

/// Which AX binding is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxSelector {
    /// The one with this id.
    Id(BindingId),
    /// The one with this id, if it is this A's.
    IdAndA(BindingId, E164),
    /// The one on this X.
    X(XNumber),
    /// The one on this X, if it is this A's.
    XAndA(XNumber, E164),
}

/// Which AXB bindings are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxbSelector {
    /// The one with this id.
    Id(BindingId),
    /// All on this X.
    AllOn(XNumber),
}

/// Which AXE binding is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxeSelector {
    /// The one with this id.
    Id(BindingId),
    /// The one on this X with this extension.
    Extension(XNumber, Extension),
}

/// Which bindings of AXYB are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxybSelector {
    /// The one with this id and each of its B.
    All(BindingId),
    /// Of the one with this id the B behind this Y.
    Y(BindingId, XNumber),
    /// Of the one with this id this B.
    B(BindingId, E164),
}

/// A command on the bindings of one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Bind A to an X.
    BindAx(XChoice, AxBind),
    /// Change an AX binding.
    ModifyAx(AxSelector, AxPatch),
    /// Name whom A's next calls reach.
    SetNextCallee {
        /// Which binding.
        which: AxSelector,
        /// Whom A reaches.
        callee: E164,
        /// For how long, 1 to 259,200 seconds.
        secs: u32,
        /// Echoed in the notices of A's calls.
        user_data: Option<Box<str>>,
    },
    /// End an AX binding.
    UnbindAx(AxSelector, UnbindCause),
    /// Bind a pair to an X.
    BindAxb(XChoice, AxbBind),
    /// Change an AXB binding.
    ModifyAxb(BindingId, AxbPatch),
    /// End AXB bindings.
    UnbindAxb(AxbSelector, UnbindCause),
    /// Bind A to an extension of an X.
    BindAxe(XChoice, AxeBind),
    /// Change an AXE binding.
    ModifyAxe(AxeSelector, AxePatch),
    /// End an AXE binding.
    UnbindAxe(AxeSelector, UnbindCause),
    /// AXYB: bind A to an X that the search finds. No number can be named (customer-api 6.1).
    BindAxyb(Search, AxybBind),
    /// AXYB: give a B of this binding a Y that the search finds.
    BindYb(BindingId, Search, YbBind),
    /// AXYB: end bindings.
    UnbindAxyb(AxybSelector, UnbindCause),
}

impl Command {
    /// The tone files that the command names, in no particular order.
    pub fn tones(&self) -> Vec<&str> {
        match self {
            Self::BindAx(_, bind) => bind.terms.extras().tones().collect(),
            Self::ModifyAx(_, patch) => patch.terms.tones().collect(),
            Self::BindAxb(_, bind) => bind.terms.extras().tones().collect(),
            Self::ModifyAxb(_, patch) => patch.terms.tones().collect(),
            Self::BindAxe(_, bind) => {
                bind.terms.extras().tones().chain(bind.fallback.as_ref().and_then(Fallback::tone)).collect()
            }
            Self::ModifyAxe(_, patch) => {
                patch.terms.tones().chain(patch.fallback.new.as_ref().and_then(Fallback::tone)).collect()
            }
            Self::BindAxyb(_, bind) => bind.terms.extras().tones().collect(),
            Self::BindYb(_, _, bind) => bind.tone.as_deref().into_iter().collect(),
            Self::SetNextCallee { .. }
            | Self::UnbindAx(..)
            | Self::UnbindAxb(..)
            | Self::UnbindAxe(..)
            | Self::UnbindAxyb(..) => Vec::new(),
        }
    }
}

/// A command with the app whose bindings it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppCommand {
    /// The app.
    pub app: AppNo,
    /// The command.
    pub command: Command,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// This binding stands now.
    Stands(AnyBinding),
    /// These bindings stand no longer.
    Ended(Vec<BindingId>),
}
