//! `privnum sign`: the two headers that authenticate a customer request.

use clap::{Args, ValueEnum};

use crate::clock::Clock;
use crate::domain::signature::{Scheme, authorization_value, digest, header_name, header_value};
use crate::engine::random;
use crate::wire::time_text::{format_created, parse_created};

/// What to sign with.
#[derive(Debug, Args)]
#[command(
    after_help = "The headers are good for the gateway's auth.clock_skew_secs, 5 minutes if nothing else is \
    configured: sign anew for each request.\n\nExample:\n  export PRIVNUM_SECRET=$(cat app.secret)\n  privnum sign \
    --key taxi |\n    curl -sS -H @- \\\n      'http://127.0.0.1:8080/rest/caas/relationnumber/partners/v1.0?relationNum=%2B8617000000001'"
)]
pub struct Options {
    /// The app's key.
    #[arg(long, value_parser = attribute)]
    pub key: String,
    /// The app's secret. Put it into the environment instead: everybody on the machine sees arguments.
    #[arg(long, env = "PRIVNUM_SECRET", hide_env_values = true)]
    pub secret: String,
    /// Which signature.
    #[arg(long, value_enum, default_value_t = SchemeWord::Aksk)]
    pub scheme: SchemeWord,
    /// Instead of a random nonce: 1 to 128 visible ASCII characters.
    #[arg(long, value_parser = attribute)]
    pub nonce: Option<String>,
    /// Instead of the time now: yyyy-MM-ddTHH:mm:ssZ.
    #[arg(long, value_name = "TIME", value_parser = created)]
    pub created: Option<String>,
}

/// What may stand between the quotation marks of a header.
fn attribute(text: &str) -> Result<String, &'static str> {
    let fits =
        (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 128 visible ASCII characters without \"") }
}

fn created(text: &str) -> Result<String, &'static str> {
    parse_created(text).map(|_| text.to_owned()).ok_or("must be a time such as 2026-01-02T03:04:05Z")
}

/// Which signature.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemeWord {
    /// HMAC-SHA256, in X-AKSK.
    Aksk,
    /// SHA-256, in X-WSSE.
    Wsse,
}

/// The two header lines.
pub fn headers(options: &Options) -> String {
    let scheme = match options.scheme {
        SchemeWord::Aksk => Scheme::Aksk,
        SchemeWord::Wsse => Scheme::Wsse,
    };
    let nonce = options.nonce.clone().unwrap_or_else(random::nonce);
    let created = options.created.clone().unwrap_or_else(|| format_created(Clock::system().now()));
    let digest = digest(scheme, &options.secret, &nonce, &created);
    format!(
        "Authorization: {}\n{}: {}",
        authorization_value(scheme),
        header_name(scheme),
        header_value(&options.key, &digest, &nonce, &created)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_is_signed_as_documented() {
        let options = Options {
            key: "demoAppKey00000000000000000001".into(),
            secret: "demoAppSecret0000000000000000001".into(),
            scheme: SchemeWord::Aksk,
            nonce: Some("66C92B11FF8A425FB8D4CCFE0ED9ED1F".into()),
            created: Some("2018-02-12T15:30:20Z".into()),
        };
        let text = headers(&options);
        assert!(text.contains("PasswordDigest=\"8oEKxognQfoj0RWEp2cKaCKD890mz11f9CxKmmrrZ3s=\""), "{text}");
    }
}
