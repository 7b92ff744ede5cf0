//! The result codes a customer can get: number, HTTP status and text (customer-api 2.4 and 10).
//!
//! Clients are told to look a cause up by status **and** code together: 1010010 stands for two things and
//! is two variants here. Texts are what clients show to people and some compare, so they are as documented,
//! final dot included or not.

/// One row of the result-code table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultCode {
    /// 200/0. The request was carried out.
    Success,

    /// 400/1023006. No `Authorization` header.
    AuthorizationMissing,
    /// 400/1023007. No `realm` in `Authorization`.
    RealmMissing,
    /// 400/1023008. No `profile` in `Authorization`.
    ProfileMissing,
    /// 400/1023009. `realm` is not `SDP`.
    RealmNotSdp,
    /// 400/1023010. `profile` is not `UsernameToken`.
    ProfileNotUsernameToken,
    /// 400/1023011. `type` is not `Appkey`.
    TypeNotAppkey,
    /// 400/1023012. No `type` in `Authorization`.
    TypeMissing,
    /// 400/1023013. `Authorization` of an X-WSSE request does not start with the word WSSE.
    WsseWordMissing,

    /// 400/1023026. No `X-WSSE` header.
    WsseHeaderMissing,
    /// 400/1023027. No usable `Username` in `X-WSSE`.
    WsseUsernameMissing,
    /// 400/1023028. No usable `Nonce` in `X-WSSE`.
    WsseNonceMissing,
    /// 400/1023029. No usable `Created` in `X-WSSE`.
    WsseCreatedMissing,
    /// 400/1023030. No usable `PasswordDigest` in `X-WSSE`.
    WsseDigestMissing,
    /// 400/1023031. `X-WSSE` does not start with the word UsernameToken.
    WsseTokenWordMissing,

    /// 400/1023033. No `X-AKSK` header; also an `Authorization` of an X-AKSK request without the word AKSK,
    /// for which no code of its own is known.
    AkskHeaderMissing,
    /// 400/1023034. No usable `Username` in `X-AKSK`.
    AkskUsernameMissing,
    /// 400/1023035. No usable `Nonce` in `X-AKSK`.
    AkskNonceMissing,
    /// 400/1023036. No usable `Created` in `X-AKSK`.
    AkskCreatedMissing,
    /// 400/1023037. No usable `PasswordDigest` in `X-AKSK`.
    AkskDigestMissing,
    /// 400/1023038. `X-AKSK` does not start with the word UsernameToken.
    AkskTokenWordMissing,

    /// 500/1010001. Our fault; the request may be repeated.
    InternalError,
    /// 403/1010002. A bad or missing parameter. The culprit may be appended to the text.
    InvalidRequest,
    /// 403/1010003. No app has this key.
    InvalidAppKey,
    /// 403/1010008. The app is suspended.
    AppKeyUnavailable,
    /// 401/1010010. The digest does not fit the secret.
    InvalidDigest,
    /// 403/1010010. Too many requests; clients retry after a minute.
    FlowControl,
    /// 401/1010013. `Created` is too far from our time.
    CreatedOutsideWindow,
    /// 403/1010029. The account behind the app is frozen, as for arrears.
    AccountFrozen,
    /// 403/1010040. The API belongs to another mode than the app's.
    ApiNotAllowed,

    /// 403/1011001. AX: the X number is not the app's, or badly written.
    AccountMissing,
    /// 403/1011002. AX: no X number is left to allocate.
    NumbersExhausted,
    /// 403/1011003. AX: this A holds as many X numbers as it may.
    NumberLimitReached,
    /// 403/1011004. AX unbind: the X number is not the app's, or no selector was given.
    NumberNotApplied,
    /// 403/1011005. AX: the X number is taken by another A.
    NumberTaken,

    /// 403/1012001. AXB, AXE: the X number is not the app's.
    ResourceNotApplied,
    /// 403/1012007. AXB: no such binding. A recording: none of the app's has this name.
    RelationMissing,
    /// 403/1012008. AXB, AXE, AXYB: no X number is free for this request.
    NoNumberForArea,
    /// 403/1012009. AXB: the X number holds as many pairs as it may.
    RelationLimitReached,
    /// 403/1012010. AXB: one of the parties is already bound on this X number.
    RelationBound,
    /// 403/1012012. Recording was asked for, and the app may not record.
    RecordingNotOpened,
    /// 403/1012102. The X number is suspended.
    NumberStatusAbnormal,

    /// 403/1016001. AX, AXE, AXYB: no such binding.
    RecordMissing,
    /// 403/1016002. AX: this A is already bound to this X number.
    RecordExists,

    /// 403/1020152. Call stop: no call of the app with this sessionId is under way.
    SessionInvalid,
    /// 403/1020166. The client address is not on the app's whitelist.
    AddressNotWhitelisted,
    /// 403/1020167. AXE: the extension is given out, or none is left on the X number.
    NoIdleExtension,
    /// 403/1020176. The client address failed too often and is banned for a while.
    AddressBanned,
}

impl ResultCode {
    /// Every code, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::Success,
        Self::AuthorizationMissing,
        Self::RealmMissing,
        Self::ProfileMissing,
        Self::RealmNotSdp,
        Self::ProfileNotUsernameToken,
        Self::TypeNotAppkey,
        Self::TypeMissing,
        Self::WsseWordMissing,
        Self::WsseHeaderMissing,
        Self::WsseUsernameMissing,
        Self::WsseNonceMissing,
        Self::WsseCreatedMissing,
        Self::WsseDigestMissing,
        Self::WsseTokenWordMissing,
        Self::AkskHeaderMissing,
        Self::AkskUsernameMissing,
        Self::AkskNonceMissing,
        Self::AkskCreatedMissing,
        Self::AkskDigestMissing,
        Self::AkskTokenWordMissing,
        Self::InternalError,
        Self::InvalidRequest,
        Self::InvalidAppKey,
        Self::AppKeyUnavailable,
        Self::InvalidDigest,
        Self::FlowControl,
        Self::CreatedOutsideWindow,
        Self::AccountFrozen,
        Self::ApiNotAllowed,
        Self::AccountMissing,
        Self::NumbersExhausted,
        Self::NumberLimitReached,
        Self::NumberNotApplied,
        Self::NumberTaken,
        Self::ResourceNotApplied,
        Self::RelationMissing,
        Self::NoNumberForArea,
        Self::RelationLimitReached,
        Self::RelationBound,
        Self::RecordingNotOpened,
        Self::NumberStatusAbnormal,
        Self::RecordMissing,
        Self::RecordExists,
        Self::SessionInvalid,
        Self::AddressNotWhitelisted,
        Self::NoIdleExtension,
        Self::AddressBanned,
    ];

    /// The HTTP status the code goes with.
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The text of the JSON member `resultcode`.
    pub const fn code(self) -> &'static str {
        self.row().1
    }

    /// The text of the JSON member `resultdesc`, or its beginning where a culprit is appended.
    pub const fn text(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Success => (200, "0", "Success"),
            Self::AuthorizationMissing => (400, "1023006", "Authorization not contained in the HTTP header."),
            Self::RealmMissing => (400, "1023007", "realm not contained in Authorization."),
            Self::ProfileMissing => (400, "1023008", "profile not contained in Authorization."),
            Self::RealmNotSdp => (400, "1023009", "The value of realm in Authorization must be SDP."),
            Self::ProfileNotUsernameToken => {
                (400, "1023010", "The value of profile in Authorization must be UsernameToken.")
            }
            Self::TypeNotAppkey => (400, "1023011", "The value of type in Authorization must be app_key."),
            Self::TypeMissing => (400, "1023012", "type not contained in Authorization."),
            Self::WsseWordMissing => (400, "1023013", "WSSE not contained in Authorization."),
            Self::WsseHeaderMissing => (400, "1023026", "X-WSSE not contained in the HTTP header."),
            Self::WsseUsernameMissing => (400, "1023027", "Username not contained in X-WSSE."),
            Self::WsseNonceMissing => (400, "1023028", "Nonce not contained in X-WSSE."),
            Self::WsseCreatedMissing => (400, "1023029", "Created not contained in X-WSSE."),
            Self::WsseDigestMissing => (400, "1023030", "PasswordDigest not contained in X-WSSE."),
            Self::WsseTokenWordMissing => (400, "1023031", "UsernameToken not contained in X-WSSE."),
            Self::AkskHeaderMissing => (400, "1023033", "HTTP header not found X-AKSK field."),
            Self::AkskUsernameMissing => (400, "1023034", "UserName not contained in X-AKSK."),
            Self::AkskNonceMissing => (400, "1023035", "Nonce not contained in X-AKSK."),
            Self::AkskCreatedMissing => (400, "1023036", "Created not contained in X-AKSK."),
            Self::AkskDigestMissing => (400, "1023037", "PasswordDigest not contained in X-AKSK."),
            Self::AkskTokenWordMissing => (400, "1023038", "UsernameToken not contained in X-AKSK."),
            Self::InternalError => (500, "1010001", "Internal system error."),
            Self::InvalidRequest => (403, "1010002", "Invalid request."),
            Self::InvalidAppKey => (403, "1010003", "Invalid app_key."),
            Self::AppKeyUnavailable => (403, "1010008", "The status of the app_key is unavailable."),
            Self::InvalidDigest => (401, "1010010", "Invalid digest."),
            Self::FlowControl => (403, "1010010", "The flow control upper limit is reached on the platform."),
            Self::CreatedOutsideWindow => (401, "1010013", "Time out limit."),
            Self::AccountFrozen => (403, "1010029", "The subscriber status is frozen."),
            Self::ApiNotAllowed => (403, "1010040", "The app_key is not allowed to invoke the API."),
            Self::AccountMissing => (403, "1011001", "Account does not exist."),
            Self::NumbersExhausted => (403, "1011002", "Insufficient number resources."),
            Self::NumberLimitReached => {
                (403, "1011003", "Exceeded the upper limit of resources that can be applied for.")
            }
            Self::NumberNotApplied => (403, "1011004", "The number is not applied for binding application."),
            Self::NumberTaken => (403, "1011005", "Resources have been allocated."),
            Self::ResourceNotApplied => (403, "1012001", "Resource of number is not to be applied."),
            Self::RelationMissing => (403, "1012007", "The record does not exist."),
            Self::NoNumberForArea => (403, "1012008", "Insufficient number of resources."),
            Self::RelationLimitReached => (403, "1012009", "Maximum number of resources has been reached."),
            Self::RelationBound => (403, "1012010", "The relation number has been bound."),
            Self::RecordingNotOpened => (403, "1012012", "Application does not open recording function."),
            Self::NumberStatusAbnormal => (403, "1012102", "The number status is abnormal."),
            Self::RecordMissing => (403, "1016001", "The record does not exist."),
            Self::RecordExists => (403, "1016002", "The record already exists."),
            Self::SessionInvalid => (403, "1020152", "Invalid sessionId."),
            Self::AddressNotWhitelisted => (403, "1020166", "The app client ip is not in ip white list."),
            Self::NoIdleExtension => (403, "1020167", "No idle extend Number."),
            Self::AddressBanned => (403, "1020176", "Authentication failed, try again later"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn status_and_code_together_are_unique() {
        let pairs: HashSet<_> = ResultCode::ALL.iter().map(|code| (code.status(), code.code())).collect();
        assert_eq!(pairs.len(), ResultCode::ALL.len());
    }

    #[test]
    fn all_lists_each_variant_once() {
        // A variant without a place in ALL would move the discriminants of those behind it.
        for (index, code) in ResultCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index, "{code:?}");
        }
        assert_eq!(ResultCode::ALL.len(), ResultCode::AddressBanned as usize + 1);
    }

    #[test]
    fn codes_are_digits_and_texts_fit_the_documented_lengths() {
        for code in ResultCode::ALL {
            assert!((1..=32).contains(&code.code().len()) && code.code().bytes().all(|b| b.is_ascii_digit()));
            assert!((1..=256).contains(&code.text().len()) && code.text().is_ascii(), "{code:?}");
        }
    }

    #[test]
    fn header_faults_are_400_and_refusals_403_apart_from_the_documented_exceptions() {
        for code in ResultCode::ALL {
            let expected = match code {
                ResultCode::Success => 200,
                ResultCode::InternalError => 500,
                ResultCode::InvalidDigest | ResultCode::CreatedOutsideWindow => 401,
                _ if code.code().starts_with("1023") => 400,
                _ => 403,
            };
            assert_eq!(code.status(), expected, "{code:?}");
        }
    }
}
