//! One push to a customer, or one question, as it is kept for operators.

use std::borrow::Cow;

use super::time::Timestamp;

/// The record of one push (delivery R14), or of one question to a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The URL it went to.
    pub url: Box<str>,
    /// The address that was dialled, if it came to that.
    pub address: Option<Box<str>>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// Parts of that time, where known, as `(name, milliseconds)`.
    pub timings: Vec<(Cow<'static, str>, u32)>,
    /// The beginning of the answer, at most 4 KiB.
    pub answer: Box<[u8]>,
    /// Why it counts as failed, or why the answer to a question is not followed, in words; `None` when it succeeded.
    pub failure: Option<Box<str>>,
}
