//! What became of a message, as the customer is told (callbacks 6.2).

use std::fmt;

/// `sendResult`: 0 to 13.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SendResult(u8);

impl SendResult {
    /// Sent whole.
    pub const SUCCESS: Self = Self(0);
    /// The account is frozen.
    pub const ACCOUNT_FROZEN: Self = Self(1);
    /// Nothing is bound for this sender.
    pub const NO_BINDING: Self = Self(2);
    /// X is suspended or unavailable.
    pub const NUMBER_SUSPENDED: Self = Self(3);
    /// The app is not open for messages.
    pub const APP_NOT_OPEN: Self = Self(4);
    /// Something went wrong on our side or the switch's.
    pub const INTERNAL_ERROR: Self = Self(5);
    /// The customer said that it is to be dropped.
    pub const DISCARDED: Self = Self(6);
    /// The customer did not decide in time.
    pub const NO_DECISION: Self = Self(7);
    /// Nothing of it was sent.
    pub const ALL_FAILED: Self = Self(10);
    /// Messages do not go through this X.
    pub const NO_SMS_ABILITY: Self = Self(11);
    /// The highest there is: a forbidden word.
    const LAST: u8 = 13;

    /// `None` when there is no such result.
    pub const fn new(code: u8) -> Option<Self> {
        if code <= Self::LAST { Some(Self(code)) } else { None }
    }

    /// The wire's number.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The number as text, for a label.
    pub const fn as_str(self) -> &'static str {
        const CODES: [&str; 14] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"];
        CODES[self.0 as usize]
    }
}

impl fmt::Debug for SendResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendResult({})", self.0)
    }
}
