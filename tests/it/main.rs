//! Integration tests: the real binary, and facts about the repository itself. One binary, to link once.

mod crash;
mod documents;
mod quickstart;
mod tidy;
