//! Which gateway a command is for, and the token that opens it.
//!
//! The token comes from a file or from the environment, never from the command line: arguments are shown to
//! everybody on the machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::Url;
use reqwest::header::HeaderValue;

use super::client::Client;
use super::fault::Fault;

/// The variable that holds the token when no file is named.
const TOKEN_VARIABLE: &str = "PRIVNUM_TOKEN";
/// Longest token file that is read; a file this long is not a token file.
const TOKEN_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The gateway, the token, and the form of the answer.
#[derive(Debug, Args)]
pub struct Access {
    /// Address of the gateway's operator listener.
    #[arg(
        long,
        global = true,
        env = "PRIVNUM_OPERATOR",
        value_name = "URL",
        default_value = "http://127.0.0.1:8082",
        value_parser = base_url,
        help_heading = "Gateway"
    )]
    operator: Url,
    /// File that holds the operator's token, such as operator.token; its first token is used. Without it the token
    /// is taken from the environment variable PRIVNUM_TOKEN.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Gateway")]
    token_file: Option<PathBuf>,
    /// Give up when the gateway is silent for this many seconds.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=3_600),
        help_heading = "Gateway"
    )]
    timeout_secs: u32,
    /// Print the gateway's answer as JSON instead of a table; failures too, to standard error.
    #[arg(long, global = true, help_heading = "Gateway")]
    pub(super) json: bool,
}

impl Access {
    pub(super) fn client(&self) -> Result<Client, Fault> {
        let token = match &self.token_file {
            Some(path) => token_of_file(path)?,
            None => std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.trim().is_empty()).ok_or_else(
                || Fault::Usage("no operator token: give --token-file FILE, or set PRIVNUM_TOKEN".into()),
            )?,
        };
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| {
            Fault::Usage("the operator token holds characters that cannot be sent: it is not a token".into())
        })?;
        header.set_sensitive(true);
        Client::new(self.operator.clone(), header, Duration::from_secs(self.timeout_secs.into()))
    }
}

/// The first live token of a token file: blank lines and lines that start with `#` do not count.
pub(in crate::cli) fn token_of_file(path: &Path) -> Result<String, Fault> {
    use std::io::Read as _;
    let unreadable = |what: String| Fault::File { path: path.into(), what };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    file.take(TOKEN_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    let live = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    live.map(str::to_owned).ok_or_else(|| unreadable("holds no token".into()))
}

/// The address to which `/operator/v1/...` is appended. Written with that path it is understood as well.
fn base_url(text: &str) -> Result<Url, String> {
    let wrong = || "must be an address like http://127.0.0.1:8082".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a login: the token goes into --token-file or PRIVNUM_TOKEN".to_owned());
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/operator/v1").unwrap_or(path).to_owned();
    let mut url = url;
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_found_in_every_way_people_write_it() {
        for text in ["http://127.0.0.1:8082", "http://127.0.0.1:8082/", "http://127.0.0.1:8082/operator/v1/"]
        {
            assert_eq!(base_url(text).unwrap().as_str(), "http://127.0.0.1:8082/", "{text}");
        }
        assert_eq!(
            base_url("https://proxy.example.com/gw/").unwrap().as_str(),
            "https://proxy.example.com/gw"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["127.0.0.1:8082", "localhost", "ftp://127.0.0.1", "http://", "http://h/?a=b", ""] {
            assert!(base_url(text).unwrap_err().contains("http://127.0.0.1:8082"), "{text}");
        }
        assert!(base_url("http://me:secret@h/").unwrap_err().contains("login"));
    }

    #[test]
    fn the_first_live_line_of_a_token_file_is_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("operator.token");
        std::fs::write(&path, "# since May\n\n  first-token-0123  \nsecond-token-0123\n").unwrap();
        assert_eq!(token_of_file(&path).unwrap(), "first-token-0123");
        std::fs::write(&path, "# none\n").unwrap();
        assert!(token_of_file(&path).is_err());
    }
}
