//! `callbacks`: what delivering costs, from the report of the switch to the receiver's answer.
//!
//! Three questions, each with a server and a data folder of its own: how many notices a second, beside a bare client
//! loop that posts the same bodies to the same sink and stores nothing; what a million pending re-pushes cost at
//! start-up; and what the healthy notice of endpoints that hang, with what each hanging push takes of memory.

mod calls;
mod hung;
mod pending;
mod pusher;
mod rate;
mod sink;

pub use self::pusher::push;

use crate::Failed;
use crate::options::{Callbacks, Part};

/// Answers the questions that were asked, one after the other. Returns how many requests failed.
pub fn run(options: &Callbacks) -> Result<u64, Failed> {
    let asked = |part| options.parts.is_empty() || options.parts.contains(&part);
    let mut failed = 0;
    if asked(Part::Rate) {
        failed += rate::measure(options)?;
    }
    if asked(Part::Pending) {
        pending::measure(options)?;
    }
    if asked(Part::Hung) {
        failed += hung::measure(options)?;
    }
    Ok(failed)
}
