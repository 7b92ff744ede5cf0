//! The `Authorization` and `X-AKSK` / `X-WSSE` headers of a customer's request (customer-api 2).
//!
//! This runs for every request before anything is known about the sender: it works on the raw bytes, borrows
//! from them, allocates nothing and takes time linear in their length. Whatever is malformed counts as "not
//! contained", so that each fault gets the one documented code. Values are found by name, not by place, and
//! never URL-decoded (client-tolerances A6, A9).
//!
//! Deliberately tolerated: any order and case of the names, a comma with or without blanks, blanks around
//! `=`, single quotes or none, unknown attributes. Of a repeated attribute the first counts.

use crate::domain::signature::Scheme;
use crate::wire::result_code::ResultCode;

/// Longest nonce that is accepted (customer-api 2.3).
const NONCE_BYTES_MAX: usize = 128;

/// The three headers as they came, `None` where a header was not sent. Any bytes are allowed in them.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthHeaders<'h> {
    /// `Authorization`.
    pub authorization: Option<&'h [u8]>,
    /// `X-AKSK`.
    pub x_aksk: Option<&'h [u8]>,
    /// `X-WSSE`.
    pub x_wsse: Option<&'h [u8]>,
}

/// What a request says about its sender. Nothing of it is verified yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'h> {
    /// How the digest was made.
    pub scheme: Scheme,
    /// The app_key as claimed; not empty.
    pub username: &'h str,
    /// `PasswordDigest` as sent; not empty.
    pub digest_text: &'h str,
    /// 1 to 128 visible ASCII characters. The documents say letters and digits; other visible characters are
    /// harmless here, for the nonce is only hashed and remembered, so they are let through.
    pub nonce: &'h str,
    /// `Created` as sent; not empty. [`crate::wire::time_text::parse_created`] makes a time of it.
    pub created_text: &'h str,
}

impl std::fmt::Debug for Credentials<'_> {
    /// Leaves out digest and nonce: with them a line in a log would be a working header.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("scheme", &self.scheme)
            .field("username", &self.username)
            .field("created", &self.created_text)
            .finish_non_exhaustive()
    }
}

impl<'h> AuthHeaders<'h> {
    /// Reads the credentials, or says which documented code the first fault has.
    ///
    /// Faults are looked for in the order of their codes: `Authorization` and its attributes, its scheme
    /// word, then the X- header, its attributes, and its word `UsernameToken`.
    pub fn credentials(&self) -> Result<Credentials<'h>, ResultCode> {
        let authorization = self.authorization.filter(|text| !text.trim_ascii().is_empty());
        let authorization = authorization.ok_or(ResultCode::AuthorizationMissing)?;
        let scheme = self.scheme(authorization);
        let faults = Faults::of(scheme);
        check_authorization(authorization, faults)?;
        let token = match scheme {
            Scheme::Aksk => self.x_aksk,
            Scheme::Wsse => self.x_wsse,
        };
        read_token(token.ok_or(faults.header)?, scheme, faults)
    }

    /// The scheme is told by which X- header is there (client-tolerances A1). `Authorization` only decides
    /// when both are there or neither.
    fn scheme(&self, authorization: &[u8]) -> Scheme {
        match (self.x_aksk, self.x_wsse) {
            (Some(_), None) => Scheme::Aksk,
            (None, Some(_)) => Scheme::Wsse,
            _ if starts_with_word(authorization, "WSSE") => Scheme::Wsse,
            _ => Scheme::Aksk,
        }
    }
}

/// The codes that differ between the schemes.
#[derive(Clone, Copy)]
struct Faults {
    scheme_word: &'static str,
    scheme_word_missing: ResultCode,
    header: ResultCode,
    username: ResultCode,
    nonce: ResultCode,
    created: ResultCode,
    digest: ResultCode,
    token_word: ResultCode,
}

impl Faults {
    const fn of(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Aksk => Self {
                scheme_word: "AKSK",
                // No code of its own is documented for this; customer-api 2.4 suggests the header's.
                scheme_word_missing: ResultCode::AkskHeaderMissing,
                header: ResultCode::AkskHeaderMissing,
                username: ResultCode::AkskUsernameMissing,
                nonce: ResultCode::AkskNonceMissing,
                created: ResultCode::AkskCreatedMissing,
                digest: ResultCode::AkskDigestMissing,
                token_word: ResultCode::AkskTokenWordMissing,
            },
            Scheme::Wsse => Self {
                scheme_word: "WSSE",
                scheme_word_missing: ResultCode::WsseWordMissing,
                header: ResultCode::WsseHeaderMissing,
                username: ResultCode::WsseUsernameMissing,
                nonce: ResultCode::WsseNonceMissing,
                created: ResultCode::WsseCreatedMissing,
                digest: ResultCode::WsseDigestMissing,
                token_word: ResultCode::WsseTokenWordMissing,
            },
        }
    }
}

fn check_authorization(text: &[u8], faults: Faults) -> Result<(), ResultCode> {
    let (mut realm, mut profile, mut kind) = (None, None, None);
    for Part { name, value } in parts(text) {
        let Some(value) = value else { continue };
        if name.eq_ignore_ascii_case(b"realm") {
            realm.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"profile") {
            profile.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"type") {
            kind.get_or_insert(value);
        }
    }
    let realm = realm.ok_or(ResultCode::RealmMissing)?;
    let profile = profile.ok_or(ResultCode::ProfileMissing)?;
    require(realm == b"SDP", ResultCode::RealmNotSdp)?;
    require(profile == b"UsernameToken", ResultCode::ProfileNotUsernameToken)?;
    // A fork of the official sample sends `dsl="Appkey"` instead (client-tolerances A7): type is missing then.
    let kind = kind.ok_or(ResultCode::TypeMissing)?;
    require(kind == b"Appkey", ResultCode::TypeNotAppkey)?;
    require(starts_with_word(text, faults.scheme_word), faults.scheme_word_missing)
}

fn read_token(text: &[u8], scheme: Scheme, faults: Faults) -> Result<Credentials<'_>, ResultCode> {
    let (mut username, mut digest, mut nonce, mut created) = (None, None, None, None);
    for Part { name, value } in parts(text) {
        let Some(value) = value else { continue };
        if name.eq_ignore_ascii_case(b"Username") {
            username.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"PasswordDigest") {
            digest.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"Nonce") {
            nonce.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"Created") {
            created.get_or_insert(value);
        }
    }
    let username = text_of(username).ok_or(faults.username)?;
    let nonce = text_of(nonce).filter(|nonce| is_usable_nonce(nonce)).ok_or(faults.nonce)?;
    let created_text = text_of(created).ok_or(faults.created)?;
    let digest_text = text_of(digest).ok_or(faults.digest)?;
    require(starts_with_word(text, "UsernameToken"), faults.token_word)?;
    Ok(Credentials { scheme, username, digest_text, nonce, created_text })
}

fn require(holds: bool, otherwise: ResultCode) -> Result<(), ResultCode> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn text_of(value: Option<&[u8]>) -> Option<&str> {
    value.and_then(|bytes| std::str::from_utf8(bytes).ok()).filter(|text| !text.is_empty())
}

fn is_usable_nonce(nonce: &str) -> bool {
    nonce.len() <= NONCE_BYTES_MAX && nonce.bytes().all(|byte| byte.is_ascii_graphic())
}

fn starts_with_word(text: &[u8], word: &str) -> bool {
    parts(text)
        .next()
        .is_some_and(|first| first.value.is_none() && first.name.eq_ignore_ascii_case(word.as_bytes()))
}

/// A bare word (`value` is `None`) or one `name="value"`.
struct Part<'h> {
    name: &'h [u8],
    value: Option<&'h [u8]>,
}

/// Splits a header into its parts. An opening quote that is never closed ends the header: what follows it
/// cannot be told apart from the value.
fn parts(mut rest: &[u8]) -> impl Iterator<Item = Part<'_>> {
    std::iter::from_fn(move || {
        let start = rest.iter().position(|&byte| !is_separator(byte))?;
        rest = &rest[start..];
        let end = rest.iter().position(|&byte| is_separator(byte) || byte == b'=').unwrap_or(rest.len());
        let (name, after_name) = rest.split_at(end);
        let Some(after_equals) = after_name.trim_ascii_start().strip_prefix(b"=") else {
            rest = after_name;
            return Some(Part { name, value: None });
        };
        let (value, after_value) = split_value(after_equals.trim_ascii_start())?;
        rest = after_value;
        Some(Part { name, value: Some(value) })
    })
}

fn split_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some((&quote @ (b'"' | b'\''), inside)) = text.split_first() {
        let end = inside.iter().position(|&byte| byte == quote)?;
        Some((&inside[..end], &inside[end + 1..]))
    } else {
        let end = text.iter().position(|&byte| is_separator(byte)).unwrap_or(text.len());
        Some(text.split_at(end))
    }
}

const fn is_separator(byte: u8) -> bool {
    byte == b',' || byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AKSK: &str = r#"AKSK realm="SDP",profile="UsernameToken",type="Appkey""#;
    const WSSE: &str = r#"WSSE realm="SDP",profile="UsernameToken",type="Appkey""#;
    const TOKEN: &str = r#"UsernameToken Username="key1",PasswordDigest="a+b/c=",Nonce="66C9",Created="2018-02-12T15:30:20Z""#;

    fn aksk<'h>(authorization: &'h str, token: &'h str) -> Result<Credentials<'h>, ResultCode> {
        let (authorization, x_aksk) = (Some(authorization.as_bytes()), Some(token.as_bytes()));
        AuthHeaders { authorization, x_aksk, x_wsse: None }.credentials()
    }

    fn wsse<'h>(authorization: &'h str, token: &'h str) -> Result<Credentials<'h>, ResultCode> {
        let (authorization, x_wsse) = (Some(authorization.as_bytes()), Some(token.as_bytes()));
        AuthHeaders { authorization, x_aksk: None, x_wsse }.credentials()
    }

    fn credentials(scheme: Scheme) -> Credentials<'static> {
        Credentials {
            scheme,
            username: "key1",
            digest_text: "a+b/c=",
            nonce: "66C9",
            created_text: "2018-02-12T15:30:20Z",
        }
    }

    #[test]
    fn the_documented_headers_are_read() {
        assert_eq!(aksk(AKSK, TOKEN), Ok(credentials(Scheme::Aksk)));
        assert_eq!(wsse(WSSE, TOKEN), Ok(credentials(Scheme::Wsse)));
    }

    #[test]
    fn spellings_seen_in_the_field_are_read() {
        let authorizations = [
            r#"AKSK realm="SDP", profile="UsernameToken", type="Appkey""#,
            r#"aksk   realm = "SDP" ,profile="UsernameToken",type="Appkey""#,
            "Aksk realm='SDP',profile='UsernameToken',type='Appkey'",
            "AKSK Realm=SDP,Profile=UsernameToken,Type=Appkey",
            r#" AKSK type="Appkey",profile="UsernameToken",realm="SDP",extra="x""#,
        ];
        for authorization in authorizations {
            assert_eq!(aksk(authorization, TOKEN), Ok(credentials(Scheme::Aksk)), "{authorization}");
        }
        let tokens = [
            r#"UsernameToken Username="key1", PasswordDigest="a+b/c=", Nonce="66C9", Created="2018-02-12T15:30:20Z""#,
            r#"UsernameToken Created="2018-02-12T15:30:20Z",Nonce="66C9",PasswordDigest="a+b/c=",Username="key1""#,
            "UsernameToken Username='key1',PasswordDigest='a+b/c=',Nonce='66C9',Created='2018-02-12T15:30:20Z'",
            "usernametoken username=key1,passworddigest=a+b/c=,nonce=66C9,created=2018-02-12T15:30:20Z",
            r#"UsernameToken Username="key1",Username="key2",PasswordDigest="a+b/c=",Nonce="66C9",Created="2018-02-12T15:30:20Z","#,
        ];
        for token in tokens {
            assert_eq!(aksk(AKSK, token), Ok(credentials(Scheme::Aksk)), "{token}");
            assert_eq!(wsse(WSSE, token), Ok(credentials(Scheme::Wsse)), "{token}");
        }
    }

    #[test]
    fn each_fault_of_authorization_has_its_code() {
        let cases = [
            ("", "1023006"),
            ("   ", "1023006"),
            (r#"AKSK profile="UsernameToken",type="Appkey""#, "1023007"),
            ("Bearer abc", "1023007"),
            (r#"AKSK realm="SDP",type="Appkey""#, "1023008"),
            (r#"AKSK realm="XXX",type="Appkey""#, "1023008"),
            (r#"AKSK realm="XXX",profile="UsernameToken",type="Appkey""#, "1023009"),
            (r#"AKSK realm="",profile="Other",type="Appkey""#, "1023009"),
            (r#"AKSK realm="SDP",profile="Other",type="Appkey""#, "1023010"),
            (r#"AKSK realm="SDP",profile="UsernameToken",type="Other""#, "1023011"),
            (r#"AKSK realm="SDP",profile="UsernameToken""#, "1023012"),
            (r#"AKSK realm="SDP",profile="UsernameToken",dsl="Appkey""#, "1023012"),
            (r#"AKSK realm="SDP",profile="UsernameToken",type="Appkey"#, "1023012"),
            (r#"realm="SDP",profile="UsernameToken",type="Appkey""#, "1023033"),
            (r#"Basic realm="SDP",profile="UsernameToken",type="Appkey""#, "1023033"),
            (WSSE, "1023033"),
        ];
        for (authorization, expected) in cases {
            assert_eq!(aksk(authorization, TOKEN).unwrap_err().code(), expected, "{authorization}");
        }
        assert_eq!(wsse(AKSK, TOKEN).unwrap_err().code(), "1023013");
        let wordless = r#"realm="SDP",profile="UsernameToken",type="Appkey""#;
        assert_eq!(wsse(wordless, TOKEN).unwrap_err().code(), "1023013");
    }

    #[test]
    fn each_fault_of_the_x_header_has_its_code() {
        let long_nonce = format!(r#"Nonce="{}""#, "a".repeat(129));
        let cases = [
            (r#"Username="key1","#, "", "1023034", "1023027"),
            (r#""key1""#, r#""""#, "1023034", "1023027"),
            (r#"Nonce="66C9","#, "", "1023035", "1023028"),
            (r#"Nonce="66C9""#, r#"Nonce="""#, "1023035", "1023028"),
            (r#"Nonce="66C9""#, r#"Nonce="6 6""#, "1023035", "1023028"),
            (r#"Nonce="66C9""#, r#"Nonce="6é6""#, "1023035", "1023028"),
            (r#"Nonce="66C9""#, long_nonce.as_str(), "1023035", "1023028"),
            (r#",Created="2018-02-12T15:30:20Z""#, "", "1023036", "1023029"),
            (r#"15:30:20Z""#, "15:30:20Z", "1023036", "1023029"),
            (r#"PasswordDigest="a+b/c=","#, "", "1023037", "1023030"),
            ("UsernameToken ", "", "1023038", "1023031"),
            ("UsernameToken ", "Token ", "1023038", "1023031"),
        ];
        for (part, replacement, aksk_code, wsse_code) in cases {
            let token = TOKEN.replace(part, replacement);
            assert_eq!(aksk(AKSK, &token).unwrap_err().code(), aksk_code, "{token}");
            assert_eq!(wsse(WSSE, &token).unwrap_err().code(), wsse_code, "{token}");
        }
        assert_eq!(aksk(AKSK, "").unwrap_err().code(), "1023034");
    }

    #[test]
    fn a_nonce_of_128_characters_is_accepted() {
        let token = TOKEN.replace("66C9", &"a".repeat(128));
        assert_eq!(aksk(AKSK, &token).unwrap().nonce.len(), 128);
    }

    #[test]
    fn a_missing_x_header_is_named_after_the_scheme_of_authorization() {
        for (authorization, expected) in [(AKSK, "1023033"), (WSSE, "1023026")] {
            let headers = AuthHeaders { authorization: Some(authorization.as_bytes()), ..Default::default() };
            assert_eq!(headers.credentials().unwrap_err().code(), expected);
        }
        assert_eq!(AuthHeaders::default().credentials().unwrap_err().code(), "1023006");
    }

    #[test]
    fn of_two_x_headers_the_one_that_authorization_names_counts() {
        let other = TOKEN.replace("key1", "key2");
        for (authorization, expected) in [(AKSK, "key1"), (WSSE, "key2")] {
            let headers = AuthHeaders {
                authorization: Some(authorization.as_bytes()),
                x_aksk: Some(TOKEN.as_bytes()),
                x_wsse: Some(other.as_bytes()),
            };
            assert_eq!(headers.credentials().unwrap().username, expected);
        }
    }

    #[test]
    fn bytes_that_are_no_text_count_as_not_contained() {
        let token = b"UsernameToken Username=\"k\xff\",PasswordDigest=\"d\",Nonce=\"n\",Created=\"c\"";
        let headers =
            AuthHeaders { authorization: Some(AKSK.as_bytes()), x_aksk: Some(token), ..Default::default() };
        assert_eq!(headers.credentials().unwrap_err().code(), "1023034");
        let headers = AuthHeaders { authorization: Some(b"\xff\xfe\x00"), ..headers };
        assert_eq!(headers.credentials().unwrap_err().code(), "1023007");
    }

    #[test]
    fn credentials_print_without_digest_and_nonce() {
        let printed = format!("{:?}", credentials(Scheme::Aksk));
        assert!(printed.contains("key1") && !printed.contains("a+b/c=") && !printed.contains("66C9"));
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_upset_the_reader(
            authorization in proptest::collection::vec(any::<u8>(), 0..80),
            token in "[UN a-z\"'=,\u{e9}\t]{0,80}",
        ) {
            for authorization in [&authorization[..], AKSK.as_bytes()] {
                let (authorization, token) = (Some(authorization), Some(token.as_bytes()));
                if let Ok(read) = (AuthHeaders { authorization, x_aksk: token, x_wsse: None }).credentials() {
                    prop_assert!(!read.username.is_empty() && (1..=128).contains(&read.nonce.len()));
                }
            }
        }

        #[test]
        fn attributes_are_found_in_any_order(order in Just([0, 1, 2, 3]).prop_shuffle(), gap in "(,| , |,  )") {
            let attributes = ["Username=\"key1\"", "PasswordDigest='a+b/c='", "Nonce=\"66C9\"", "Created=\"2018-02-12T15:30:20Z\""];
            let token = format!("UsernameToken {}", order.map(|at| attributes[at]).join(&gap));
            prop_assert_eq!(aksk(AKSK, &token), Ok(credentials(Scheme::Aksk)));
        }
    }
}
