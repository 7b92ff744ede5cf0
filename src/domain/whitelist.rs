//! stub
/// stub
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpWhitelist(pub Vec<ipnet::IpNet>);
