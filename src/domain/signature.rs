//! stub
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Aksk,
    Wsse,
}
