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
        ""
    }
    /// stub
    pub fn from_str(_word: &str) -> Option<Self> {
        None
    }
}
