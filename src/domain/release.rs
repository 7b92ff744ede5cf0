//! stub
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateCode(pub u16);
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    pub state: StateCode,
    pub fail_reason: u16,
    pub q850: u16,
    pub sip: u16,
}
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleasedBy {
    Caller,
    Callee,
    Switch,
    Gateway,
    Timeout,
    MaxDuration,
}
impl ReleasedBy {
    /// stub
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Switch => "switch",
            Self::Gateway => "gateway",
            Self::Timeout => "timeout",
            Self::MaxDuration => "maxDuration",
        }
    }
    /// stub
    pub fn from_str(word: &str) -> Option<Self> {
        [Self::Caller, Self::Callee, Self::Switch, Self::Gateway, Self::Timeout, Self::MaxDuration]
            .into_iter()
            .find(|by| by.as_str() == word)
    }
}
