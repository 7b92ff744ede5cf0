//! stub
/// stub
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpWhitelist(pub Vec<ipnet::IpNet>);
impl IpWhitelist {
    /// stub
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, ipnet::AddrParseError> {
        entries.iter().map(|entry| entry.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }
    /// stub
    pub fn networks(&self) -> &[ipnet::IpNet] {
        &self.0
    }
}
