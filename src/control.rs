//! Orders to the switch: to end a call (interfaces, "Gateway to switch").

use std::sync::Arc;

use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;
use url::Url;

use crate::config::Control;
use crate::domain::call::CallId;
use crate::remote::Remote;

/// Orders under way at once. A switch that answers has never so many; one that does not shall not hold more.
const ORDERS_MAX: usize = 64;

/// What may stand in a part of a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Gives orders to the switch. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SwitchControl {
    settings: Option<Control>,
    remote: Remote,
    turns: Arc<Semaphore>,
}

/// What the switch said to an order to end a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It is ending the call.
    Ending,
    /// It does not know the call, or the call has ended already.
    NotThere,
}

/// The order did not come to the switch, or the switch did not carry it out. For operators; no numbers in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStopped {
    /// The switch takes no orders.
    #[error("switch.control_url is not set, so the switch takes no orders")]
    NotConfigured,
    /// Too many orders are under way.
    #[error("{ORDERS_MAX} orders to the switch are under way and none has been answered")]
    Busy,
    /// No answer.
    #[error("the switch at {url} did not answer: {reason}")]
    Away {
        /// `switch.control_url`.
        url: Box<str>,
        /// Why.
        reason: String,
    },
    /// An answer that is none.
    #[error("the switch at {url} answered {status}")]
    Refused {
        /// `switch.control_url`.
        url: Box<str>,
        /// The status.
        status: u16,
    },
}

impl SwitchControl {
    /// To the switch of the configuration, if it takes orders.
    pub fn new(settings: Option<Control>, remote: Remote) -> Self {
        Self { settings, remote, turns: Arc::new(Semaphore::new(ORDERS_MAX)) }
    }

    /// Tells the switch to end a call.
    pub async fn stop(&self, call: &CallId) -> Result<Stopped, NotStopped> {
        let Some(Control { url, token, timeout }) = &self.settings else {
            return Err(NotStopped::NotConfigured);
        };
        let Ok(_turn) = self.turns.try_acquire() else { return Err(NotStopped::Busy) };
        let away = |reason: String| NotStopped::Away { url: url.clone(), reason };
        let Some(id) = segment(call.expose()) else { return Ok(Stopped::NotThere) };
        let target =
            Url::parse(&format!("{url}/calls/{id}/stop")).map_err(|error| away(error.to_string()))?;
        let mut headers = HeaderMap::new();
        // Some servers wait for a body that is not announced as empty.
        headers.insert(CONTENT_LENGTH, 0.into());
        if let Some(token) = token {
            let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
            let mut value = value.expect("a credential is visible ASCII");
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        match self.remote.send(Method::POST, target, headers, "", *timeout).await {
            Ok(answered) if (200..300).contains(&answered.status) => Ok(Stopped::Ending),
            Ok(answered) if matches!(answered.status, 404 | 409) => Ok(Stopped::NotThere),
            Ok(answered) => Err(NotStopped::Refused { url: url.clone(), status: answered.status }),
            Err(error) => Err(away(error.to_string())),
        }
    }
}

/// A callId as one part of a path; `None` for the two that no path can hold, however they are written.
fn segment(call: &str) -> Option<String> {
    (!matches!(call, "." | "..")).then(|| utf8_percent_encode(call, PLAIN).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_is_one_part_of_the_path_whatever_it_holds() {
        for (call, part) in [
            ("7e2a-41", "7e2a-41"),
            ("a/../b?c#d", "a%2F..%2Fb%3Fc%23d"),
            ("+86138@switch é", "%2B86138%40switch%20%C3%A9"),
        ] {
            assert_eq!(segment(call).as_deref(), Some(part));
        }
        assert_eq!((segment("."), segment("..")), (None, None));
    }
}
