//! How domain values are written into table columns, whichever database holds them.
//!
//! Each table has a struct here whose fields are its columns, in the same order and under the same names.
//! What an operator may want to ask for in a database shell has a column of its own; only what is nested and
//! rarely looked at is JSON. Telephone numbers are integers without the `+`, instants are milliseconds since
//! 1970, absent values are NULL.
//!
//! The encoding has the version of the schema: a column changes only by a migration, and a JSON document may
//! only gain members that have a default.

mod binding;
mod call;
mod column;
mod customer;
mod message;
mod operation;
mod record;
mod replay;
mod tone;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::StoreError;

pub(crate) use binding::BindingColumns;
pub(crate) use call::{CallColumns, CdrColumns, EventColumns};
pub(crate) use column::{Column, first_key_at, key_or_beyond};
pub(crate) use customer::{AppColumns, NumberColumns};
pub(crate) use message::MessageColumns;
pub(crate) use operation::OperationColumns;
pub(crate) use record::{AttemptColumns, AuditColumns, RecordingColumns};
pub(crate) use replay::{ReplayColumns, packed, unpacked};
pub(crate) use tone::ToneColumns;

/// What one column of one row holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'r> {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Cow<'r, str>),
    /// Bytes that need not be a text.
    Bytes(Cow<'r, [u8]>),
}

/// Why a value and a row could not be turned into each other. Names the column, never what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError {
    /// The value is beyond what the column can hold: 63 bits, enough for keys until the year 2109.
    #[error("a value is too large for column {0}")]
    TooLarge(&'static str),
    /// What is stored there cannot have been written by this version.
    #[error("column {0} holds what it cannot hold")]
    Unreadable(&'static str),
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::TooLarge(_) => Self::Unavailable(error.to_string()),
            RowError::Unreadable(_) => Self::Corrupt(error.to_string()),
        }
    }
}

/// Declares the columns of a table: a struct, the names of the columns, and both directions of the encoding.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident of $table:literal { $($field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name<'r> {
            $(pub(crate) $field: $type,)+
        }

        impl<'r> $name<'r> {
            /// The columns, in the order in which they are written and read. The first is the key.
            pub(crate) const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            /// The row, column by column.
            pub(crate) fn values(
                &self,
            ) -> Result<[$crate::store::row::Value<'_>; [$(stringify!($field)),+].len()], $crate::store::row::RowError> {
                Ok([$($crate::store::row::Column::write(&self.$field).ok_or(
                    $crate::store::row::RowError::TooLarge(concat!($table, ".", stringify!($field)))
                )?),+])
            }

            /// The row from `next`, which hands out one column after the other.
            pub(crate) fn read<E: From<$crate::store::row::RowError>>(
                mut next: impl FnMut() -> Result<$crate::store::row::Value<'r>, E>,
            ) -> Result<Self, E> {
                Ok(Self {
                    $($field: $crate::store::row::Column::read(next()?).ok_or(
                        $crate::store::row::RowError::Unreadable(concat!($table, ".", stringify!($field)))
                    )?,)+
                })
            }
        }
    };
}
use columns;
