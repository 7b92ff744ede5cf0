//! Integration tests: a gateway in this process with everybody it talks to, the real binary, and facts about
//! the repository itself. One binary, to link once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod axe;
mod axyb;
mod bindings;
mod callbacks;
mod calls;
mod callstop;
mod causes;
mod cdr_files;
mod cli;
mod clock;
mod crash;
mod documents;
mod examples;
mod faults;
mod fields;
mod frozen;
mod hostile;
mod messages;
mod notices;
mod number_status;
mod operator;
mod outage;
mod outbound;
mod pushes;
mod quickstart;
mod recordings;
mod switch_check;
mod tidy;
mod tolerances;
mod tones;
mod world;
mod xmode;
