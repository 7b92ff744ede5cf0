//! What differs from mode to mode: how to bind, who reaches whom, and where a short message goes. Pure.

use serde_json::{Value, json};

use super::judge::Wanted;
use super::script::Cast;

/// The mode of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Axb,
    Ax,
    Axe,
    Axyb,
    X,
}

/// A binding; in X mode the number alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Bound {
    /// Empty in X mode.
    pub(super) id: String,
    pub(super) x: String,
    /// Empty but for AXE.
    pub(super) extension: String,
    /// What B has. Empty but for AXYB.
    pub(super) y: String,
}

/// A call to X that is connected.
pub(super) struct Way<'a> {
    pub(super) caller: &'a str,
    pub(super) callee: &'a str,
    /// What the callee sees.
    pub(super) shown: &'a str,
}

/// A short message whose way the gateway knows without asking the application.
pub(super) struct Letter<'a> {
    pub(super) sender: &'a str,
    pub(super) text: String,
    pub(super) to: &'a str,
    /// The text that goes on.
    pub(super) sent: String,
}

/// An area that is given where a request must name one; the choice is loose, so any number of the app will do.
const ANY_AREA: &str = "0755";
/// Lets a binding that was left behind expire.
const LIFE_MINUTES: u16 = 10;
/// What people write.
pub(super) const HELLO: &str = "I am at the gate";

impl Mode {
    /// Those with bindings.
    pub(super) const BINDING: [Self; 4] = [Self::Axb, Self::Ax, Self::Axe, Self::Axyb];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Axb => "AXB",
            Self::Ax => "AX",
            Self::Axe => "AXE",
            Self::Axyb => "AXYB",
            Self::X => "X",
        }
    }

    /// The URI of its bindings, if it has any.
    pub(super) const fn path(self) -> Option<&'static str> {
        match self {
            Self::Axb => Some("/rest/caas/relationnumber/partners/v1.0"),
            Self::Ax => Some("/rest/provision/caas/privatenumber/v1.0"),
            Self::Axe => Some("/rest/caas/extendnumber/v1.0"),
            Self::Axyb => Some("/rest/omp/xyrelationnumber/v1.0"),
            Self::X => None,
        }
    }

    /// The body of a bind with recording, in AXYB of the first step.
    pub(super) fn bind(self, cast: &Cast) -> Option<Value> {
        let seconds = u32::from(LIFE_MINUTES) * 60;
        let (x_field, mut body) = match self {
            Self::Axb => {
                (Some("relationNum"), json!({"callerNum": cast.a, "calleeNum": cast.b, "duration": seconds}))
            }
            Self::Ax => (Some("privateNum"), json!({"origNum": cast.a, "privateNumType": "mobile-virtual"})),
            Self::Axe => (
                Some("virtualNum"),
                json!({"bindNum": cast.a, "timeUnit": 1, "bindExpiredTime": LIFE_MINUTES}),
            ),
            Self::Axyb => (None, json!({"origNum": cast.a, "duration": seconds})),
            Self::X => return None,
        };
        body["recordFlag"] = true.into();
        if let (Some(field), Some(x)) = (x_field, &cast.x) {
            body[field] = x.as_str().into();
        } else {
            (body["areaCode"], body["areaMatchMode"]) = (ANY_AREA.into(), 1.into());
        }
        Some(body)
    }

    /// How to find a binding of A without knowing its X, and the member of the answer that lists what is found. `None` = the
    /// customer API does not say, or the binding expires anyway.
    pub(super) fn lookup(self, cast: &Cast) -> Option<(Vec<(&'static str, &str)>, &'static str)> {
        match self {
            Self::Ax => Some((vec![("origNum", cast.a.as_str())], "privateNumList")),
            Self::Axb => {
                let x = cast.x.as_deref()?;
                Some((vec![("relationNum", x), ("callerNum", cast.a.as_str())], "relationNumList"))
            }
            Self::Axe | Self::Axyb | Self::X => None,
        }
    }

    /// What becomes of a binding that could not be released.
    pub(super) const fn left_behind(self) -> &'static str {
        match self {
            Self::Ax => {
                "a binding of A may be left; in AX none expires: look with privnum binding list, and unbind it"
            }
            _ => "a binding may be left; it expires ten minutes after the bind",
        }
    }

    /// What a bind that worked says.
    pub(super) fn bound(self, answer: &Value) -> Option<Bound> {
        let text = |member: &str| answer[member].as_str().map(str::to_owned);
        let x = match self {
            Self::Axb => "relationNum",
            Self::Ax => "privateNum",
            Self::Axe => "virtualNum",
            Self::Axyb => "relationNumber",
            Self::X => return None,
        };
        let extension = if self == Self::Axe { text("extendNum")? } else { String::new() };
        Some(Bound { id: text("subscriptionId")?, x: text(x)?, extension, y: String::new() })
    }

    /// The calls that are played.
    pub(super) fn call<'a>(self, cast: &'a Cast, bound: &'a Bound) -> Way<'a> {
        let (caller, callee, shown) = match self {
            Self::Axb | Self::X => (&cast.a, &cast.b, &bound.x),
            Self::Ax | Self::Axe => (&cast.b, &cast.a, &bound.x),
            Self::Axyb => (&cast.b, &cast.a, &bound.y),
        };
        Way { caller, callee, shown }
    }

    /// Who is on the other side of those calls, what they dial, and what comes of it. In X mode there are no sides.
    pub(super) fn other_side<'a>(
        self,
        cast: &'a Cast,
        bound: &'a Bound,
    ) -> Option<(&'a str, &'a str, Wanted)> {
        let (caller, dialled, callee) = match self {
            Self::Axb => (&cast.b, &bound.x, Some(&cast.a)),
            Self::Ax => (&cast.a, &bound.x, None),
            Self::Axe => (&cast.a, &bound.x, Some(&cast.b)),
            Self::Axyb => (&cast.a, &bound.y, Some(&cast.b)),
            Self::X => return None,
        };
        let connected = |callee: &String| connected(callee, &bound.x);
        Some((caller, dialled, callee.map_or_else(|| rejected(8013), connected)))
    }

    /// The stages that the application is told. In X mode the question stands for the first.
    pub(super) const fn stages(self) -> &'static [&'static str] {
        match self {
            Self::X => &["callout", "alerting", "answer", "disconnect"],
            _ => &["callin", "callout", "alerting", "answer", "disconnect"],
        }
    }

    pub(super) const fn has_messages(self) -> bool {
        matches!(self, Self::Axb | Self::Ax | Self::X)
    }

    /// A message that goes its way without a question.
    pub(super) fn letter(self, cast: &Cast) -> Option<Letter<'_>> {
        let text = HELLO.to_owned();
        match self {
            Self::Axb => Some(Letter { sender: &cast.a, sent: text.clone(), text, to: &cast.b }),
            Self::Ax => {
                let sent = format!("{text}[From{}]", cast.b);
                Some(Letter { sender: &cast.b, text, to: &cast.a, sent })
            }
            Self::Axe | Self::Axyb | Self::X => None,
        }
    }
}

/// A connection with this party, who sees this number.
pub(super) fn connected(callee: &str, shown: &str) -> Wanted {
    Wanted::status(200).with("action", "connect").with("callee", callee).with("displayNum", shown)
}

/// A rejection with this stateCode.
pub(super) fn rejected(state: u16) -> Wanted {
    Wanted::status(200).with("action", "reject").with("stateCode", state)
}

/// A message that is dropped, with this sendResult.
pub(super) fn dropped(result: u8) -> Wanted {
    Wanted::status(200).with("action", "discard").with("sendResult", result)
}
