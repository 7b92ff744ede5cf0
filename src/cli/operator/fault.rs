//! Why a command did not work, as a sentence for the person at the shell or an object for a machine.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::output::plain;

/// Why a command did not work. None of these texts ever holds the operator's token.
#[derive(Debug)]
pub(in crate::cli) enum Fault {
    /// The arguments do not make sense: exit code 2, like what clap refuses.
    Usage(String),
    /// The gateway understood and said no.
    Refused(Refusal),
    /// The gateway was not reached, or broke off.
    Unreachable {
        /// Its address.
        at: String,
        /// What happened, and what to look at.
        what: String,
    },
    /// Somebody answered, but not as the operator API does.
    NotOperatorApi {
        /// The address.
        at: String,
        /// What was strange about the answer.
        what: String,
    },
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// Standard output cannot be written.
    Output(std::io::Error),
    /// Whoever read standard output has seen enough, as in `| head`.
    ReaderGone,
    /// Not everything worked, and the output says what.
    Partly,
}

/// The body of every refusal (proto-docs/operator.md, "Errors").
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct Refusal {
    /// What went wrong, for programs.
    pub(super) code: String,
    /// The same for people.
    pub(super) message: String,
    /// The culprit in the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// The code that a customer would have got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resultcode: Option<String>,
}

/// What is printed for a machine.
#[derive(Serialize)]
struct Envelope<'a> {
    error: &'a Refusal,
}

impl Fault {
    /// 2 for mistakes in the arguments, else 1.
    pub(in crate::cli) fn exit_code(&self) -> ExitCode {
        if matches!(self, Self::Usage(_)) { ExitCode::from(2) } else { ExitCode::FAILURE }
    }

    /// What goes to standard error; `None` when everything has been said.
    pub(in crate::cli) fn told(&self, json: bool) -> Option<String> {
        let (code, message) = match self {
            Self::Refused(refusal) if json => return Some(envelope(refusal)),
            Self::Refused(refusal) => return Some(refusal.told()),
            Self::Usage(what) => ("usage", what.clone()),
            Self::Unreachable { at, what } => ("unreachable", format!("no answer from {at}: {what}")),
            Self::NotOperatorApi { at, what } => ("not_operator_api", format!("{at} {what}")),
            Self::File { path, what } => ("file", format!("{}: {what}", path.display())),
            Self::Output(error) => ("output", format!("cannot write the output: {error}")),
            Self::ReaderGone | Self::Partly => return None,
        };
        if !json {
            return Some(plain(&format!("error: {message}")).into_owned());
        }
        Some(envelope(&Refusal { code: code.into(), message, field: None, resultcode: None }))
    }
}

impl Refusal {
    fn told(&self) -> String {
        let mut text = format!("error: {} (code {}", self.message, self.code);
        for (label, value) in [("field", &self.field), ("resultcode", &self.resultcode)] {
            if let Some(value) = value {
                text.extend([", ", label, " ", value]);
            }
        }
        text.push(')');
        match self.code.as_str() {
            "unauthorized" => {
                text.push_str("\nCheck --token-file or PRIVNUM_TOKEN: is it the operator token of this gateway?");
            }
            // What is asked for here exists wherever the operator API does.
            "not_found" => text.push_str(
                "\nIs --operator (or PRIVNUM_OPERATOR) the operator listener, and the gateway as new as this program?",
            ),
            _ => {}
        }
        plain(&text).into_owned()
    }
}

fn envelope(refusal: &Refusal) -> String {
    serde_json::to_string(&Envelope { error: refusal }).expect("texts are valid JSON")
}

impl From<std::io::Error> for Fault {
    /// Only standard output is written without naming a file.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::ReaderGone } else { Self::Output(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_code_and_field() {
        let refusal = Refusal {
            code: "invalid_request".into(),
            message: "status must be 5, 9, 10 or 11".into(),
            field: Some("status".into()),
            resultcode: None,
        };
        let fault = Fault::Refused(refusal);
        let people = fault.told(false).unwrap();
        assert_eq!(people, "error: status must be 5, 9, 10 or 11 (code invalid_request, field status)");
        let machine = fault.told(true).unwrap();
        assert_eq!(
            machine,
            r#"{"error":{"code":"invalid_request","message":"status must be 5, 9, 10 or 11","field":"status"}}"#
        );
    }
}
