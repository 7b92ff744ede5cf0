//! What the scheduler has to know about apps: where their endpoints lead. And what it is told back: how a
//! receiver behaved.

use std::sync::Arc;

use tracing::{info, warn};

use super::Shared;
use super::deliverer::url_of;
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::NoticeKind;
use crate::domain::dispatch::{Endpoint, Signal};
use crate::outbound::{Attempt as Pushed, FailureClass, PushOutcome, Side};

impl Shared {
    /// Adds an app, or replaces its former self. An endpoint whose URL is new starts with a clean record.
    pub(super) fn put_app(&self, app: Arc<CustomerApp>) {
        self.locate_endpoints(&app);
        self.registry.customers.put(app);
        // What was held back for the old address may go to the new one at once.
        self.deliver_now.notify_one();
    }

    /// Adds all apps of a store, before anything that belongs to them.
    pub(super) fn put_loaded_apps(&self, apps: Vec<Arc<CustomerApp>>) {
        for app in &apps {
            self.locate_endpoints(app);
        }
        self.registry.customers.put_all(apps);
    }

    fn locate_endpoints(&self, app: &CustomerApp) {
        let before = self.registry.customers.by_key(app.key.as_str());
        for kind in NoticeKind::ALL {
            let url_before = before.as_deref().and_then(|before| url_of(before, kind));
            let url = url_of(app, kind);
            if url != url_before {
                self.dispatch().locate(Endpoint { app: app.no, kind }, url.and_then(host_of));
            }
        }
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
    let url = url::Url::parse(url).ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?).into())
}

/// What a push tells about its receiver (delivery R6, R13).
pub(super) fn signal_of(pushed: &Pushed, succeeded: bool) -> Signal {
    match &pushed.outcome {
        _ if succeeded => Signal::Accepted,
        PushOutcome::Answered(status) => Signal::of_refusal(*status, pushed.retry_after),
        PushOutcome::Failed(class) if class.side() == Side::Gateway => Signal::Unknown,
        PushOutcome::Failed(
            FailureClass::UrlUnusable { .. }
            | FailureClass::NotHttpUrl
            | FailureClass::Forbidden { .. }
            | FailureClass::TlsSettingsUnusable { .. }
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
    use crate::outbound::{Answer, ConnectionUse, Timings};

    #[test]
    fn a_host_is_named_with_its_port_and_in_lower_case() {
        let host = |url| host_of(url).map(|host| host.to_string());
        assert_eq!(host("https://App.Example/a?b"), Some("app.example:443".into()));
        assert_eq!(host("http://app.example:8080"), Some("app.example:8080".into()));
        assert_eq!(host("http://[::1]/"), Some("[::1]:80".into()));
        assert_eq!((host("mailto:a@b"), host("nonsense")), (None, None));
    }

    /// With a `Retry-After` of two minutes.
    fn pushed(outcome: PushOutcome) -> Pushed {
        Pushed {
            address: None,
            status: None,
            retry_after: Some(Duration::from_secs(120)),
            connection: ConnectionUse::New,
            timings: Timings::default(),
            answer: Answer::default(),
            outcome,
        }
    }

    #[test]
    fn only_who_does_not_answer_is_silent() {
        let limit = Duration::from_secs(10);
        let pause = Some(Duration::from_secs(120));
        let proxy = FailureClass::EgressProxy { proxy: "proxy:3128".into(), reason: "answered 407".into() };
        for (outcome, signal) in [
            (PushOutcome::Failed(FailureClass::NoAnswer { limit }), Signal::Silent),
            (PushOutcome::Failed(FailureClass::NotHttp), Signal::Refused),
            (PushOutcome::Failed(proxy), Signal::Unknown),
            (PushOutcome::Answered(500), Signal::Refused),
            (PushOutcome::Answered(410), Signal::Gone),
            (PushOutcome::Answered(429), Signal::Overloaded { retry_after: pause }),
        ] {
            assert_eq!(signal_of(&pushed(outcome), false), signal);
        }
        assert_eq!(signal_of(&pushed(PushOutcome::Answered(200)), true), Signal::Accepted);
    }
}
