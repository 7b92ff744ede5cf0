//! What differs from mode to mode: how to bind, and who reaches whom. Pure.

use serde_json::{Value, json};

use super::judge::Wanted;
use super::script::Cast;

/// The modes that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Axb,
    Ax,
    Axe,
}

/// A binding.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) id: String,
    pub(super) x: String,
    /// Empty but for AXE.
    pub(super) extension: String,
}

/// An area that is given where a request must name one; the choice is loose, so any number of the app will do.
const ANY_AREA: &str = "0755";
/// Lets a binding that was left behind expire.
const LIFE_MINUTES: u16 = 10;

impl Mode {
    /// Every mode.
    pub(super) const ALL: [Self; 3] = [Self::Axb, Self::Ax, Self::Axe];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Axb => "AXB",
            Self::Ax => "AX",
            Self::Axe => "AXE",
        }
    }

    /// The URI of its bindings.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Axb => "/rest/caas/relationnumber/partners/v1.0",
            Self::Ax => "/rest/provision/caas/privatenumber/v1.0",
            Self::Axe => "/rest/caas/extendnumber/v1.0",
        }
    }

    /// The body of a bind.
    pub(super) fn bind(self, cast: &Cast, record: bool) -> Value {
        let (x_field, mut body) = match self {
            Self::Axb => (
                "relationNum",
                json!({"callerNum": cast.a, "calleeNum": cast.b, "duration": u32::from(LIFE_MINUTES) * 60}),
            ),
            Self::Ax => ("privateNum", json!({"origNum": cast.a, "privateNumType": "mobile-virtual"})),
            Self::Axe => {
                ("virtualNum", json!({"bindNum": cast.a, "timeUnit": 1, "bindExpiredTime": LIFE_MINUTES}))
            }
        };
        body["recordFlag"] = record.into();
        if let Some(x) = &cast.x {
            body[x_field] = x.as_str().into();
        } else {
            (body["areaCode"], body["areaMatchMode"]) = (ANY_AREA.into(), 1.into());
        }
        body
    }

    /// What a bind that worked says.
    pub(super) fn bound(self, answer: &Value) -> Option<Bound> {
        let text = |member: &str| answer[member].as_str().map(str::to_owned);
        let x = match self {
            Self::Axb => "relationNum",
            Self::Ax => "privateNum",
            Self::Axe => "virtualNum",
        };
        let extension = if self == Self::Axe { text("extendNum")? } else { String::new() };
        Some(Bound { id: text("subscriptionId")?, x: text(x)?, extension })
    }

    /// Who makes the calls, and whom they reach.
    pub(super) fn call(self, cast: &Cast) -> (&str, &str) {
        match self {
            Self::Axb => (&cast.a, &cast.b),
            Self::Ax | Self::Axe => (&cast.b, &cast.a),
        }
    }

    /// Who is on the other side of that call, and what X does for a call of theirs.
    pub(super) fn other_side(self, cast: &Cast) -> (&str, Wanted) {
        let connected = |callee: &str| Wanted::status(200).with("action", "connect").with("callee", callee);
        match self {
            Self::Axb => (&cast.b, connected(&cast.a)),
            Self::Ax => (&cast.a, rejected(8013)),
            Self::Axe => (&cast.a, connected(&cast.b)),
        }
    }
}

/// A rejection with this stateCode.
pub(super) fn rejected(state: u16) -> Wanted {
    Wanted::status(200).with("action", "reject").with("stateCode", state)
}
