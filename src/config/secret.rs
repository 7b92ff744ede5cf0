//! Secrets of the configuration. Tokens can be compared with what somebody presents, and nothing else; a
//! [`Login`] and a [`Credential`] are what we present ourselves. None prints.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// Shortest token that is accepted, in characters: 16 random letters and digits are beyond guessing.
const TOKEN_LENGTH_MIN: usize = 16;
/// Longest token that is accepted: it must fit a header line with room to spare.
const TOKEN_LENGTH_MAX: usize = 512;
/// Most live tokens: each request is compared with all of them.
const TOKENS_MAX: usize = 64;

/// A secret. `Debug` prints `***`, equality takes the same time wherever the difference is, and there is
/// no way to read it back.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes `text` as a secret.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether `presented` is this secret. The time taken tells at most its length.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.compare(presented).into()
    }

    fn compare(&self, presented: &[u8]) -> Choice {
        self.0.as_bytes().ct_eq(presented)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `user:password`, for somebody else's server. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Login(Box<str>);

impl Login {
    /// A user without a colon, a colon, a password; printable ASCII (RFC 7617).
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        match text.split_once(':') {
            Some((user, _)) if !user.is_empty() && is_printable => Ok(Self(text.into())),
            _ => Err("must be user:password, in printable ASCII".to_owned()),
        }
    }

    /// The login itself, for the header.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A secret that we present to somebody else. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(Box<str>);

impl Credential {
    /// The secret itself, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Visible ASCII, so that it fits any header line.
    pub fn new(text: &str) -> Result<Self, String> {
        let fits =
            (1..=TOKEN_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            return Ok(Self(text.into()));
        }
        Err(format!("must be 1 to {TOKEN_LENGTH_MAX} visible ASCII characters, without blanks"))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The bearer tokens of one listener that are valid now: at least one. Several, so that a token can be
/// replaced without a moment in which either side is locked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTokens(Vec<Secret>);

impl LiveTokens {
    /// Whether `presented` is one of them. Compares with all, whichever matches.
    pub fn accept(&self, presented: &[u8]) -> bool {
        let any = self.0.iter().fold(Choice::from(0), |any, token| any | token.compare(presented));
        any.into()
    }

    /// One token given inline.
    pub(super) fn inline(token: &str) -> Result<Self, String> {
        live_token(token).map(|token| Self(vec![token]))
    }

    /// The text of a token file: one token per line; blank lines and lines that start with `#` do not count.
    pub(super) fn from_lines(text: &str) -> Result<Self, String> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let tokens = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| live_token(line).map_err(|what| format!("line {number}: {what}")))
            .collect::<Result<Vec<_>, _>>()?;
        match tokens.len() {
            0 => Err("holds no token".to_owned()),
            1..=TOKENS_MAX => Ok(Self(tokens)),
            count => Err(format!("holds {count} tokens, at most {TOKENS_MAX} may be live at once")),
        }
    }

    /// Stands in while the problems of a file are collected; no such value ever leaves this folder.
    pub(super) fn unknown() -> Self {
        Self(Vec::new())
    }
}

fn live_token(token: &str) -> Result<Secret, String> {
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token is made of visible ASCII characters, without blanks".to_owned());
    }
    if !(TOKEN_LENGTH_MIN..=TOKEN_LENGTH_MAX).contains(&token.len()) {
        return Err(format!("a token has {TOKEN_LENGTH_MIN} to {TOKEN_LENGTH_MAX} characters"));
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_stars_and_matches_only_itself() {
        let secret = Secret::new("correct horse battery");
        assert_eq!(format!("{secret:?}"), "***");
        assert!(secret.matches(b"correct horse battery"));
        assert!(!secret.matches(b"correct horse batterz"));
        assert!(!secret.matches(b"correct horse"));
        assert!(!secret.matches(b""));
    }

    #[test]
    fn every_line_of_a_token_file_is_a_live_token() {
        let text = "# since May\r\nfirst-token-0123456789\r\n\r\n  second-token-0123456789  \n";
        let tokens = LiveTokens::from_lines(text).unwrap();
        assert!(tokens.accept(b"first-token-0123456789"));
        assert!(tokens.accept(b"second-token-0123456789"));
        for wrong in ["", "# since May", "first-token-0123456789\r", "third-token-0123456789"] {
            assert!(!tokens.accept(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn a_bad_token_file_is_refused_with_the_line_and_without_the_token() {
        let cases = [
            ("", "holds no token"),
            ("# only a remark\n\n", "holds no token"),
            ("\nshort\n", "line 2: a token has 16 to 512 characters"),
            ("has a blank inside it", "line 1: a token is made of visible ASCII characters, without blanks"),
        ];
        for (text, expected) in cases {
            assert_eq!(LiveTokens::from_lines(text).unwrap_err(), expected, "{text:?}");
        }
        let many = "0123456789abcdef\n".repeat(TOKENS_MAX + 1);
        let refusal = LiveTokens::from_lines(&many).unwrap_err();
        assert_eq!(refusal, "holds 65 tokens, at most 64 may be live at once");
    }

    #[test]
    fn no_token_is_accepted_when_none_is_live() {
        assert!(!LiveTokens::unknown().accept(b""));
    }
}
