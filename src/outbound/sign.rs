//! The headers of a push (callbacks 1.1): documented order, documented values, and `Host` in front.
//!
//! Receivers in the field take the fields of `X-WSSE` by position and split the value at commas
//! (client-tolerances G44), so order and separators are part of the contract. Names go out in title case;
//! `X-WSSE` therefore reads `X-Wsse` on the wire, because hyper derives the case and cannot be given another.
//! The headers of Standard Webhooks, for apps that want them, come after all that is documented.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::Push;
use crate::domain::signature::{
    Scheme, authorization_value, digest, header_value, standard_webhooks_signature,
};
use crate::domain::time::Timestamp;
use crate::wire::time_text::format_created;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");
const X_AKSK: HeaderName = HeaderName::from_static("x-aksk");
const X_WSSE: HeaderName = HeaderName::from_static("x-wsse");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// All headers of one push to `host`, signed as of `now`. `nonce` is fresh for every attempt: receivers may
/// refuse an old or repeated one.
pub(super) fn signed_headers(push: &Push<'_>, host: HeaderValue, now: Timestamp, nonce: &str) -> HeaderMap {
    let created = format_created(now);
    let digest = digest(push.scheme, &push.secret, nonce, &created);
    let token = header_value(push.app_key.as_str(), &digest, nonce, &created);
    let mut token = HeaderValue::try_from(token).expect("app keys, base64, nonces and times are plain ASCII");
    token.set_sensitive(true);
    let token_name = match push.scheme {
        Scheme::Aksk => X_AKSK,
        Scheme::Wsse => X_WSSE,
    };
    // The order of insertion is the order on the wire. Host comes first because old receivers look there.
    let mut headers = HeaderMap::with_capacity(9);
    headers.insert(header::HOST, host);
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static(authorization_value(push.scheme)));
    headers.insert(token_name, token);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(push.body.len()));
    if let Some(wanted) = &push.standard_webhooks {
        let mut secrets = vec![&*push.secret];
        secrets.extend(wanted.previous_secret.as_deref());
        let signature = standard_webhooks_signature(&secrets, &push.delivery_id, now.secs(), &push.body);
        headers.insert(WEBHOOK_ID, plain(&push.delivery_id));
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now.secs()));
        headers.insert(WEBHOOK_SIGNATURE, plain(&signature));
    }
    headers
}

fn plain(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("delivery ids and base64 are plain ASCII")
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::domain::id::AppKey;
    use crate::outbound::StandardWebhooks;
    use crate::outbound::destination::Destination;

    // Computed with Python's hashlib and hmac.
    const NONCE: &str = "66c92b11fb6b4f2a8d6a0e0f7a9b3c1d";
    const SECRET: &str = "cfc4f9d4d5a14ea8";
    const WSSE: &str = "zA0DFLH/+JKzDVRB5RKVZfN/nMPAYVO9z4mUo/Iaug0=";
    const AKSK: &str = "jTKHiXuIPrNN7+9tfR8hdfazsHVivqLNdiAbKuTzQbo=";

    fn push(scheme: Scheme, url: &str) -> Push<'_> {
        Push {
            url: url.into(),
            app_key: Cow::Owned(AppKey::new("a1b2c3").unwrap()),
            secret: SECRET.into(),
            scheme,
            standard_webhooks: None,
            tls: None,
            body: "{}".into(),
            delivery_id: "7".to_owned(),
        }
    }

    fn headers(push: &Push<'_>) -> Vec<(String, String)> {
        let now = Timestamp::from_secs(1_518_449_420);
        let destination = Destination::read(&push.url).unwrap();
        let headers = signed_headers(push, destination.host_header, now, NONCE);
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    }

    fn pairs(expected: [(&str, &str); 5]) -> Vec<(String, String)> {
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    #[test]
    fn a_wsse_push_carries_the_documented_headers_in_the_documented_order() {
        let token = format!(
            "UsernameToken Username=\"a1b2c3\",PasswordDigest=\"{WSSE}\",\
             Nonce=\"{NONCE}\",Created=\"2018-02-12T15:30:20Z\""
        );
        let expected = [
            ("host", "example.com"),
            ("content-type", "application/json;charset=UTF-8"),
            ("authorization", r#"WSSE realm="SDP",profile="UsernameToken",type="Appkey""#),
            ("x-wsse", &token),
            ("content-length", "2"),
        ];
        assert_eq!(headers(&push(Scheme::Wsse, "https://example.com:443/status?a=1")), pairs(expected));
    }

    #[test]
    fn an_aksk_push_carries_the_documented_headers_in_the_documented_order() {
        let token = format!(
            "UsernameToken Username=\"a1b2c3\",PasswordDigest=\"{AKSK}\",\
             Nonce=\"{NONCE}\",Created=\"2018-02-12T15:30:20Z\""
        );
        let expected = [
            ("host", "[2606:4700::1]:8080"),
            ("content-type", "application/json;charset=UTF-8"),
            ("authorization", r#"AKSK realm="SDP",profile="UsernameToken",type="Appkey""#),
            ("x-aksk", &token),
            ("content-length", "2"),
        ];
        assert_eq!(headers(&push(Scheme::Aksk, "http://[2606:4700::1]:8080/")), pairs(expected));
    }

    #[test]
    fn standard_webhooks_headers_follow_the_documented_ones_and_sign_with_both_live_secrets() {
        // Computed with Python's hmac.
        let [new, old] = [
            "v1,5dQyqvhN4+ON1RKjpZYfWjv6cFACkzK8l/CqZqdVZSw=",
            "v1,C1XJCvgW/95x0oQW83ClNGQU0sbvLPjY87qCtGsEoNg=",
        ];
        let plain = push(Scheme::Wsse, "https://example.com/");
        for (previous, signature) in
            [(None, new.to_owned()), (Some("old-secret-000001".to_owned()), format!("{new} {old}"))]
        {
            let standard_webhooks = Some(StandardWebhooks { previous_secret: previous.map(Cow::Owned) });
            let mut seen = headers(&Push { standard_webhooks, ..plain.clone() });
            let added = seen.split_off(5);
            assert_eq!(seen, headers(&plain));
            let expected = [
                ("webhook-id", "7"),
                ("webhook-timestamp", "1518449420"),
                ("webhook-signature", &*signature),
            ];
            assert_eq!(added, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    }
}
