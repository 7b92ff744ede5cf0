//! Requests to the operator API. One request, one attempt; everything read is bounded.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use super::fault::{Fault, Refusal};

/// Longest wait for a connection; a gateway that runs accepts at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is held in memory: a page of 1000 of the largest items stays well below.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The operator API of one gateway.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    timeout: Duration,
}

/// The body of a successful answer.
pub(super) struct Answer(Vec<u8>);

impl Answer {
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

/// The query of a request. Values are encoded when it is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// With a filter, when it was given.
    pub(super) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: Refusal,
}

impl Client {
    /// For the gateway at `base`. `authorization` is the whole header value.
    pub(super) fn new(base: Url, authorization: HeaderValue, timeout: Duration) -> Result<Self, Fault> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization)]);
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .read_timeout(timeout)
            // The token goes to the gateway and to nobody else: neither a proxy nor a redirect gets it.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| unreachable(&base, innermost(&error)))?;
        Ok(Self { http, base, timeout })
    }

    pub(super) async fn get(&self, path: &[&str], query: &Query) -> Result<Answer, Fault> {
        self.ask(Method::GET, path, query, None).await
    }

    pub(super) async fn post(&self, path: &[&str], query: &Query, body: &Value) -> Result<Answer, Fault> {
        self.ask(Method::POST, path, query, Some(body)).await
    }

    /// A POST that says everything in its path.
    pub(super) async fn order(&self, path: &[&str]) -> Result<Answer, Fault> {
        self.ask(Method::POST, path, &Query::default(), None).await
    }

    /// Sends a file as it is.
    pub(super) async fn put_file(
        &self,
        path: &[&str],
        kind: &'static str,
        file: Vec<u8>,
    ) -> Result<Answer, Fault> {
        let request = self.http.put(self.url(path, &Query::default())?).header(CONTENT_TYPE, kind).body(file);
        self.answered(request, &Method::PUT).await
    }

    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Answer, Fault> {
        self.ask(Method::PATCH, path, &Query::default(), Some(body)).await
    }

    pub(super) async fn delete(&self, path: &[&str], query: &Query) -> Result<Answer, Fault> {
        self.ask(Method::DELETE, path, query, None).await
    }

    /// An answer of any length, to be read in pieces by [`Client::piece`].
    pub(super) async fn stream(
        &self,
        path: &[&str],
        query: &Query,
        accept: &'static str,
    ) -> Result<Response, Fault> {
        let url = self.url(path, query)?;
        let request = self.http.get(url).header(ACCEPT, accept);
        let response = request.send().await.map_err(|error| self.failed(&error, &Method::GET))?;
        self.accepted(response).await
    }

    /// The next piece of a stream; `None` at its end.
    pub(super) async fn piece(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, Fault> {
        response.chunk().await.map_err(|error| self.failed(&error, &Method::GET))
    }

    /// Reads an answer as what the documents promise.
    pub(super) fn read<'a, T: Deserialize<'a>>(&self, answer: &'a Answer) -> Result<T, Fault> {
        serde_json::from_slice(&answer.0)
            .map_err(|error| self.strange(format!("gave an answer that this version cannot read: {error}")))
    }

    /// That the gateway breaks its word in some way.
    pub(super) fn strange(&self, what: String) -> Fault {
        Fault::NotOperatorApi { at: origin(&self.base), what }
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &Query,
        body: Option<&Value>,
    ) -> Result<Answer, Fault> {
        let mut request = self.http.request(method.clone(), self.url(path, query)?);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.answered(request, &method).await
    }

    async fn answered(&self, request: reqwest::RequestBuilder, method: &Method) -> Result<Answer, Fault> {
        let response = request.send().await.map_err(|error| self.failed(&error, method))?;
        let response = self.accepted(response).await?;
        self.bounded(response, method).await.map(Answer)
    }

    /// The response if it is a success, else what it refuses.
    async fn accepted(&self, response: Response) -> Result<Response, Fault> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // Whoever reads only needs the refusal: that the request was refused is known from the status.
        let body = self.bounded(response, &Method::GET).await.unwrap_or_default();
        match serde_json::from_slice::<ErrorAnswer>(&body) {
            Ok(answer) => Err(Fault::Refused(answer.error)),
            Err(_) => Err(self.strange(not_our_answer(status))),
        }
    }

    async fn bounded(&self, mut response: Response, method: &Method) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failed(&error, method))? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(self.strange(format!("gave an answer of more than {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn url(&self, path: &[&str], query: &Query) -> Result<Url, Fault> {
        // The address of another resource would come out of these, such as the whole list for an empty name.
        if let Some(odd) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            return Err(Fault::Usage(format!("{odd:?} names nothing")));
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("http addresses have paths")
            .pop_if_empty()
            .extend(["operator", "v1"])
            .extend(path);
        if !query.0.is_empty() {
            url.query_pairs_mut().extend_pairs(query.0.iter());
        }
        Ok(url)
    }

    fn failed(&self, error: &reqwest::Error, method: &Method) -> Fault {
        let connected = !error.is_connect();
        let mut what = if connected && error.is_timeout() {
            format!("nothing came for {} seconds", self.timeout.as_secs())
        } else {
            innermost(error)
        };
        if !connected {
            what.push_str(
                "\nIs the gateway running, and is this its operator listener? \
                 Its `ready` line says operator=HOST:PORT; give it with --operator or PRIVNUM_OPERATOR.",
            );
        } else if *method != Method::GET {
            what.push_str("\nIt is not known whether the change was made: look before you repeat it.");
        }
        unreachable(&self.base, what)
    }
}

fn unreachable(base: &Url, what: String) -> Fault {
    Fault::Unreachable { at: origin(base), what }
}

fn origin(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

fn not_our_answer(status: StatusCode) -> String {
    format!(
        "answered {}, but not as the operator API does.\n\
         The gateway has three listeners: is --operator (or PRIVNUM_OPERATOR) the operator's?",
        status.as_u16()
    )
}

/// The innermost cause, which says what happened; the layers above only say who noticed.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let base = Url::parse("http://127.0.0.1:8082").unwrap();
        Client::new(base, HeaderValue::from_static("Bearer x"), Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn whatever_stands_in_a_name_stays_one_part_of_the_path() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let query = Query::default().with("party", Some("+8613800000001")).with("q", None::<&str>);
        let url = client().url(&["apps", "a/../b?c#d"], &query).unwrap();
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:8082/operator/v1/apps/a%2F..%2Fb%3Fc%23d?party=%2B8613800000001"
        );
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_is_refused() {
        drop(rustls::crypto::ring::default_provider().install_default());
        for name in ["", ".", ".."] {
            assert!(matches!(client().url(&["apps", name], &Query::default()), Err(Fault::Usage(_))));
        }
    }
}
