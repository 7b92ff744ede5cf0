//! The `privnum` binary.
fn main() {}
