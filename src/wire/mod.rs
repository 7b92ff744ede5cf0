//! The messages: serde types exactly as on the wire, and conversion to and from the domain.
//!
//! Names of the wire (`relationNum`, `X-AKSK`, `ulFailReason`) live here and nowhere else. What arrives is
//! hostile: every reader here is bounded, takes any bytes, and answers with a [`result_code::ResultCode`] or
//! an error of its own, never with a panic. Nothing here waits, stores, or knows about HTTP connections.

pub mod area_csv;
pub mod auth_header;
pub mod callback;
pub mod customer;
pub mod fields;
pub mod notices;
pub mod operator;
pub mod recording;
pub mod reply;
pub mod result_code;
pub mod sms_notice;
pub mod sms_reply;
pub mod switch;
pub mod test_notice;
pub mod time_text;
