//! What the scheduler has to know about apps: where their endpoints lead. And what it is told back: how a
//! receiver behaved.

use std::sync::Arc;

use tracing::{info, warn};

use super::Shared;
use super::deliverer::url_of;
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::NoticeKind;
use crate::domain::dispatch::{Endpoint, Signal};
use crate::outbound::{FailureClass, PushOutcome};

impl Shared {
    /// Adds an app, or replaces its former self. An endpoint whose URL is new starts with a clean record.
    pub(super) fn put_app(&self, app: Arc<CustomerApp>) {
        let before = self.registry.customers.by_key(app.key.as_str());
        for kind in NoticeKind::ALL {
            let url_before = before.as_deref().and_then(|before| url_of(before, kind));
            let url = url_of(&app, kind);
            if url != url_before {
                self.dispatch().locate(Endpoint { app: app.no, kind }, url.and_then(host_of));
            }
        }
        self.registry.customers.put(app);
        // What was held back for the old address may go to the new one at once.
        self.deliver_now.notify_one();
    }

    /// The store took a write.
    pub(super) fn store_works(&self) {
        if self.backoff().worked() {
            info!("the store takes writes again");
            self.deliver_now.notify_one();
        }
        self.metrics.store_ok.set(1);
    }

    /// The store refused a write, or could not read bodies.
    pub(super) fn store_fails(&self) {
        if self.backoff().failed(self.clock.now()) {
            warn!("pushes are slowed down until the store works again");
        }
        self.metrics.store_ok.set(0);
    }
}

/// `host:port` of a URL.
fn host_of(url: &str) -> Option<Arc<str>> {
    let url = reqwest::Url::parse(url).ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?).into())
}

/// What a push tells about its receiver (delivery R6, R13).
pub(super) fn signal_of(outcome: &PushOutcome, succeeded: bool) -> Signal {
    match outcome {
        _ if succeeded => Signal::Accepted,
        PushOutcome::Answered(status) => Signal::of_refusal(*status, None),
        PushOutcome::Failed(
            FailureClass::UrlUnusable { .. }
            | FailureClass::NotHttpUrl
            | FailureClass::Forbidden { .. }
            | FailureClass::NotHttp
            | FailureClass::HeadTooLarge
            | FailureClass::Redirect { .. },
        ) => Signal::Refused,
        PushOutcome::Failed(_) => Signal::Silent,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_host_is_named_with_its_port_and_in_lower_case() {
        let host = |url| host_of(url).map(|host| host.to_string());
        assert_eq!(host("https://App.Example/a?b"), Some("app.example:443".into()));
        assert_eq!(host("http://app.example:8080"), Some("app.example:8080".into()));
        assert_eq!(host("http://[::1]/"), Some("[::1]:80".into()));
        assert_eq!((host("mailto:a@b"), host("nonsense")), (None, None));
    }

    #[test]
    fn only_who_does_not_answer_is_silent() {
        let silent = PushOutcome::Failed(FailureClass::NoAnswer { limit: Duration::from_secs(10) });
        let refused = PushOutcome::Failed(FailureClass::NotHttp);
        assert_eq!(signal_of(&silent, false), Signal::Silent);
        assert_eq!(signal_of(&refused, false), Signal::Refused);
        assert_eq!(signal_of(&PushOutcome::Answered(200), true), Signal::Accepted);
        assert_eq!(signal_of(&PushOutcome::Answered(500), false), Signal::Refused);
        assert_eq!(signal_of(&PushOutcome::Answered(410), false), Signal::Gone);
        let overloaded = Signal::Overloaded { retry_after: None };
        assert_eq!(signal_of(&PushOutcome::Answered(429), false), overloaded);
    }
}
