//! stub
use std::sync::Arc;
/// stub
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AreaCode(Arc<str>);
impl AreaCode {
    /// stub
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(text.into()))
    }
    /// stub
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
