//! The gateway's two listeners, as the switch and as the customer's application ask them.

use std::error::Error;
use std::time::Duration;

use hyper::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};
use serde_json::Value;

use super::judge::{Answer, Heard};
use crate::cli::sign::{self, SchemeWord};

/// Longest answer that is read: a page of notices has about 4 MiB of bodies.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long one answer may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Who asks.
pub(super) struct Peer {
    http: reqwest::Client,
    switch: Url,
    customer: Url,
    token: String,
    key: String,
    secret: String,
}

/// What proves that a request comes from the switch.
#[derive(Clone, Copy)]
pub(super) enum Proof {
    /// Nothing.
    None,
    /// A bearer token that is none.
    Wrong,
    /// The token as bearer.
    Bearer,
    /// The token as the password of Basic.
    Basic,
}

impl Peer {
    pub(super) fn new(
        [switch, customer]: [Url; 2],
        token: String,
        [key, secret]: [String; 2],
    ) -> Result<Self, String> {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.retry(reqwest::retry::never()).timeout(ANSWER_WAIT_MAX).build();
        let http = http.map_err(|error| error.to_string())?;
        Ok(Self { http, switch, customer, token, key, secret })
    }

    /// The key of the application.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// A message of the switch, as it shall travel.
    pub(super) async fn tell(&self, proof: Proof, path: &str, body: String) -> Heard {
        let request = self.http.post(below(&self.switch, path, &[]));
        heard(self.proven(request, proof).header(CONTENT_TYPE, "application/json").body(body)).await
    }

    /// The file of a recording.
    pub(super) async fn send_recording(&self, call: &str, file: Vec<u8>) -> Heard {
        let request = self.http.put(below(&self.switch, "/switch/v1/recordings", &[call]));
        heard(self.proven(request, Proof::Bearer).body(file)).await
    }

    /// A sound file.
    pub(super) async fn tone(&self, name: &str) -> Heard {
        let url = below(&self.switch, "/switch/v1/tones", &[&self.key, name]);
        heard(self.proven(self.http.get(url), Proof::Bearer)).await
    }

    fn proven(&self, request: RequestBuilder, proof: Proof) -> RequestBuilder {
        match proof {
            Proof::None => request,
            Proof::Wrong => request.bearer_auth("this-is-no-token-of-the-gateway"),
            Proof::Bearer => request.bearer_auth(&self.token),
            Proof::Basic => request.basic_auth("switch", Some(&self.token)),
        }
    }

    /// A request of the application, signed anew. Its query is encoded here.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Heard {
        let mut url = below(&self.customer, path, &[]);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).header(CONTENT_TYPE, "application/json");
        for line in self.signed().lines() {
            let (name, value) = line.split_once(": ").expect("sign makes header lines");
            let name = HeaderName::try_from(name).expect("sign names headers");
            let mut value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
            value.set_sensitive(name != AUTHORIZATION);
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        heard(request).await
    }

    fn signed(&self) -> String {
        sign::headers(&sign::Options {
            key: self.key.clone(),
            secret: self.secret.clone(),
            scheme: SchemeWord::Aksk,
            nonce: None,
            created: None,
        })
    }
}

/// `base` with the path and these names appended, each of them one part whatever it holds.
fn below(base: &Url, path: &str, names: &[&str]) -> Url {
    let mut url = base.clone();
    let mut parts = url.path_segments_mut().expect("http addresses have paths");
    parts.pop_if_empty().extend(path.split('/').filter(|part| !part.is_empty())).extend(names);
    drop(parts);
    url
}

async fn heard(request: RequestBuilder) -> Heard {
    let mut response = request.send().await.map_err(in_words)?;
    let status = response.status().as_u16();
    let location =
        response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(in_words)? {
        if text.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"));
        }
        text.extend_from_slice(&piece);
    }
    Ok(Answer { status, location, body: serde_json::from_slice(&text).unwrap_or_default() })
}

/// The innermost reason, which says what happened.
fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    format!("no answer: {cause}")
}
