//! Integration tests: the real binary, and facts about the repository itself. One binary, to link once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crash;
mod documents;
mod operator;
mod quickstart;
mod tidy;
