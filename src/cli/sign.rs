//! `privnum sign`: the two headers that authenticate a customer request.

use clap::{Args, ValueEnum};

use crate::clock::Clock;
use crate::domain::signature::{Scheme, authorization_value, digest, header_name, header_value};
use crate::engine::random;
use crate::wire::time_text::format_created;

/// What to sign with.
#[derive(Debug, Args)]
pub struct Options {
    /// The app's key.
    #[arg(long)]
    pub key: String,
    /// The app's secret.
    #[arg(long)]
    pub secret: String,
    /// Which signature.
    #[arg(long, value_enum, default_value_t = SchemeWord::Aksk)]
    pub scheme: SchemeWord,
    /// Instead of a random nonce.
    #[arg(long)]
    pub nonce: Option<String>,
    /// Instead of the time now, as yyyy-MM-ddTHH:mm:ssZ.
    #[arg(long)]
    pub created: Option<String>,
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
