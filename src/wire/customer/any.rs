//! The operations of every mode: the link to a recording, and call stop (customer-api 8 and 9).

use super::{Fields, Unreadable};

/// Longest `recordDomain` and `fileName` (customer-api 8).
const RECORDING_NAME_CHARS_MAX: usize = 128;

/// The sessionId of the call to stop (customer-api 9). Here, and only here, the member is all lower case.
pub fn call_stop(fields: &Fields) -> Result<String, Unreadable> {
    let session = fields.text("sessionid")?.ok_or_else(|| Unreadable::invalid("sessionid is missing."))?;
    match fields.text("signal")? {
        Some("call_stop") => Ok(session.to_owned()),
        Some(_) => Err(Unreadable::invalid("signal must be call_stop.")),
        None => Err(Unreadable::invalid("signal is missing.")),
    }
}

/// The `fileName` of a recording (customer-api 8). `recordDomain` has to be there; names are unique without it.
pub fn recording(fields: &Fields) -> Result<String, Unreadable> {
    for name in ["recordDomain", "fileName"] {
        let text = fields.text(name)?.ok_or_else(|| Unreadable::invalid(format!("{name} is missing.")))?;
        if text.chars().count() > RECORDING_NAME_CHARS_MAX {
            let what = format!("{name} has more than {RECORDING_NAME_CHARS_MAX} characters.");
            return Err(Unreadable::invalid(what));
        }
    }
    Ok(fields.text("fileName")?.unwrap_or_default().to_owned())
}
