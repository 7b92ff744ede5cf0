//! `privnum app`: customers' applications.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shell;
use super::argument::or_none;
use super::client::Query;
use super::fault::Fault;
use super::list::{Listing, Paging};
use super::output::Details;
use super::table::Kind;
use super::test_callback;
use super::word::{second, with_distance, yes};
use crate::domain::time::Timestamp;

/// What to do with apps.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an app. Prints its key and secret; the secret is never shown again.
    #[command(after_help = "Example:\n  privnum app create --name 'Example Taxi' --mode AXB \\\n      \
        --call-status-url https://app.example.com/status \\\n      \
        --cdr-url https://app.example.com/fee")]
    Create(Box<Create>),
    /// List all apps, in order of their keys.
    #[command(after_help = "Example:\n  privnum app list --all")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one app.
    #[command(after_help = "Example:\n  privnum app show taxi")]
    Show {
        /// The app's key.
        app_key: String,
    },
    /// Change settings of an app. They count from the next request on; waiting pushes use new addresses.
    #[command(
        after_help = "Examples:\n  privnum app change taxi --ip-whitelist 203.0.113.0/24,2001:db8::/48\n  \
        privnum app change taxi --cdr-url none --recording=false"
    )]
    Change(Box<Change>),
    /// Refuse the app's requests and the calls to its numbers, until it is resumed.
    #[command(after_help = "Example:\n  privnum app suspend taxi")]
    Suspend {
        /// The app's key.
        app_key: String,
    },
    /// End a suspension.
    #[command(after_help = "Example:\n  privnum app resume taxi")]
    Resume {
        /// The app's key.
        app_key: String,
    },
    /// Push a marked test notice to every URL of the app, and show what each answered.
    #[command(after_help = "Example:\n  privnum app test-callback taxi")]
    TestCallback {
        /// The app's key.
        app_key: String,
    },
    /// Note that the account behind the app is frozen, as for arrears: as suspended, but the customer is told why.
    #[command(after_help = "Example:\n  privnum app freeze taxi")]
    Freeze {
        /// The app's key.
        app_key: String,
    },
    /// End a freeze.
    #[command(after_help = "Example:\n  privnum app unfreeze taxi")]
    Unfreeze {
        /// The app's key.
        app_key: String,
    },
    /// Draw a new secret and print it. The old one stays valid for a while, for the customer to change over.
    #[command(after_help = "Example:\n  privnum app rotate-secret taxi --keep-old-for-secs 3600")]
    RotateSecret {
        /// The app's key.
        app_key: String,
        /// How long the old secret is still accepted: 0 to 2592000 seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        keep_old_for_secs: u32,
    },
}

/// A new app.
#[derive(Debug, Args)]
pub struct Create {
    /// A name for people, 1 to 64 characters.
    #[arg(long)]
    name: String,
    /// AX, AXB, AXE, AXYB or X. Fixed for ever.
    #[arg(long, value_parser = ["AX", "AXB", "AXE", "AXYB", "X"], ignore_case = true)]
    mode: String,
    /// Use this key instead of drawing one: to take over an existing app.
    #[arg(long, value_name = "KEY")]
    app_key: Option<String>,
    /// File that holds the secret to use instead of drawing one. A file, because arguments can be seen by others.
    #[arg(long, value_name = "FILE")]
    app_secret_file: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// New settings of an app.
#[derive(Debug, Args)]
pub struct Change {
    /// The app's key.
    app_key: String,
    /// A new name.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

/// What can be set and changed. A setting that is not given keeps its value, or gets its default.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Where call events are pushed; `none`: not pushed.
    #[arg(long, value_name = "URL")]
    call_status_url: Option<String>,
    /// Where CDRs are pushed; `none`: not pushed.
    #[arg(long, value_name = "URL")]
    cdr_url: Option<String>,
    /// Where number status is pushed; `none`: to the address for call events.
    #[arg(long, value_name = "URL")]
    number_status_url: Option<String>,
    /// Where results of SMS are pushed; `none`: not pushed.
    #[arg(long, value_name = "URL")]
    sms_notify_url: Option<String>,
    /// Where the app is asked what to do with an SMS; `none`: it is not asked.
    #[arg(long, value_name = "URL")]
    sms_control_url: Option<String>,
    /// Push number status at all.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    push_number_status: Option<bool>,
    /// Networks the app's requests must come from, with commas between; `any`: from anywhere.
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    ip_whitelist: Option<Vec<String>>,
    /// Requests of the app per second, 1 to 1000000; `none`: no limit.
    #[arg(long, value_name = "N")]
    flow_limit_per_second: Option<String>,
    /// Calls may be recorded.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    recording: Option<bool>,
    /// SMS are relayed.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sms: Option<bool>,
    /// The app may read the text of SMS.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sms_content: Option<bool>,
    /// AXE: digits of an extension, 1 to 4.
    #[arg(long, value_name = "N")]
    extension_digits: Option<u8>,
    /// AXE: sound file that asks callers for the extension; `none`: the switch's own prompt.
    #[arg(long, value_name = "TONE")]
    extension_tone: Option<String>,
    /// AXE: sound file for A who has nobody to call back; `none`: none.
    #[arg(long, value_name = "TONE", conflicts_with = "callback_num")]
    callback_tone: Option<String>,
    /// AXE: whom A reaches who has nobody to call back; `none`: nobody.
    #[arg(long, value_name = "NUMBER")]
    callback_num: Option<String>,
    /// Refuse binds that name a tone file which the app does not have approved.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    check_tones: Option<bool>,
    /// Tone file for callers for whom nothing is bound; `none`: what the switch says.
    #[arg(long, value_name = "NAME")]
    no_binding_tone: Option<String>,
    /// Tone file for an A who calls X and has nobody to reach; `none`: what the switch says.
    #[arg(long, value_name = "NAME")]
    no_callee_tone: Option<String>,
    /// Signatures accepted from the app: AKSK, WSSE, or both with a comma.
    #[arg(long, value_name = "SCHEMES", value_delimiter = ',', ignore_case = true, value_parser = ["AKSK", "WSSE"])]
    auth_schemes: Option<Vec<String>>,
    /// Accept requests whose time is the time in China written as UTC.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    accept_plus8h: Option<bool>,
    /// Refuse a nonce that was used before.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    refuse_reused_nonce: Option<bool>,
    /// How pushes to the app are signed.
    #[arg(long, value_name = "SCHEME", ignore_case = true, value_parser = ["WSSE", "AKSK"])]
    push_scheme: Option<String>,
    /// Take any 2xx for a successful push, not only 200.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    accept_any2xx: Option<bool>,
}

impl Settings {
    /// The members of the request for what was given.
    fn members(&self) -> Result<Map<String, Value>, Fault> {
        let flow_limit = match self.flow_limit_per_second.as_deref() {
            None => None,
            Some("none") => Some(Value::Null),
            Some(text) => Some(text.parse::<u32>().map(Value::from).map_err(|_| {
                Fault::Usage(format!("--flow-limit-per-second must be a number or `none`, not {text:?}"))
            })?),
        };
        let text = |text: &Option<String>| text.as_deref().map(or_none);
        let flag = |flag: Option<bool>| flag.map(Value::Bool);
        let networks = self.ip_whitelist.as_ref().map(|given| {
            let anywhere = given.iter().all(|network| matches!(network.as_str(), "any" | ""));
            if anywhere { json!([]) } else { json!(given) }
        });
        let upper = |words: &[String]| words.iter().map(|word| word.to_uppercase()).collect::<Vec<_>>();
        let members = [
            ("callStatusUrl", text(&self.call_status_url)),
            ("cdrUrl", text(&self.cdr_url)),
            ("numberStatusUrl", text(&self.number_status_url)),
            ("smsNotifyUrl", text(&self.sms_notify_url)),
            ("smsControlUrl", text(&self.sms_control_url)),
            ("pushNumberStatus", flag(self.push_number_status)),
            ("ipWhitelist", networks),
            ("flowLimitPerSecond", flow_limit),
            ("recording", flag(self.recording)),
            ("sms", flag(self.sms)),
            ("smsContent", flag(self.sms_content)),
            ("extensionDigits", self.extension_digits.map(Value::from)),
            ("extensionTone", text(&self.extension_tone)),
            ("callbackTone", text(&self.callback_tone)),
            ("callbackNum", text(&self.callback_num)),
            ("checkTones", flag(self.check_tones)),
            ("noBindingTone", text(&self.no_binding_tone)),
            ("noCalleeTone", text(&self.no_callee_tone)),
            ("authSchemes", self.auth_schemes.as_deref().map(|schemes| json!(upper(schemes)))),
            ("acceptPlus8h", flag(self.accept_plus8h)),
            ("refuseReusedNonce", flag(self.refuse_reused_nonce)),
            ("pushScheme", self.push_scheme.as_ref().map(|scheme| json!(scheme.to_uppercase()))),
            ("acceptAny2xx", flag(self.accept_any2xx)),
        ];
        Ok(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

/// An app as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_field_names,
    clippy::struct_excessive_bools,
    reason = "the members are those of the API"
)]
struct App {
    app_key: String,
    app_secret: Option<String>,
    name: String,
    mode: String,
    status: String,
    #[serde(default)]
    frozen: bool,
    #[serde(default)]
    ip_whitelist: Vec<String>,
    #[serde(default)]
    recording: bool,
    call_status_url: Option<String>,
    cdr_url: Option<String>,
    number_status_url: Option<String>,
    #[serde(default)]
    push_number_status: bool,
    flow_limit_per_second: Option<u32>,
    #[serde(default)]
    check_tones: bool,
    no_binding_tone: Option<String>,
    no_callee_tone: Option<String>,
    #[serde(default)]
    auth_schemes: Vec<String>,
    accept_plus8h: Option<bool>,
    refuse_reused_nonce: Option<bool>,
    push_scheme: Option<String>,
    accept_any2xx: Option<bool>,
    old_secret_valid_until: Option<String>,
    created_at: String,
}

/// The answer to a new secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
    app_key: String,
    app_secret: String,
    old_secret_valid_until: Option<String>,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::Create(create) => self::create(shell, &create).await,
        Command::List { paging } => shell.list(&listing(), Query::default(), &paging).await,
        Command::Show { app_key } => {
            let answer = shell.client.get(&["apps", &app_key], &Query::default()).await?;
            shell.show(&answer, details)
        }
        Command::Change(change) => self::change(shell, &change).await,
        Command::Suspend { app_key } => {
            let answer = shell.client.order(&["apps", &app_key, "suspend"]).await?;
            shell.show(&answer, details)
        }
        Command::Resume { app_key } => {
            let answer = shell.client.order(&["apps", &app_key, "resume"]).await?;
            shell.show(&answer, details)
        }
        Command::TestCallback { app_key } => test_callback::run(shell, &app_key).await,
        Command::Freeze { app_key } => {
            let answer = shell.client.order(&["apps", &app_key, "freeze"]).await?;
            shell.show(&answer, details)
        }
        Command::Unfreeze { app_key } => {
            let answer = shell.client.order(&["apps", &app_key, "unfreeze"]).await?;
            shell.show(&answer, details)
        }
        Command::RotateSecret { app_key, keep_old_for_secs } => {
            let body = json!({ "keepOldForSecs": keep_old_for_secs });
            let answer =
                shell.client.post(&["apps", &app_key, "rotateSecret"], &Query::default(), &body).await?;
            shell.show(&answer, rotated)
        }
    }
}

async fn create(shell: &mut Shell, create: &Create) -> Result<(), Fault> {
    let mut body = create.settings.members()?;
    body.insert("name".into(), create.name.as_str().into());
    body.insert("mode".into(), create.mode.to_uppercase().into());
    if let Some(key) = &create.app_key {
        body.insert("appKey".into(), key.as_str().into());
    }
    if let Some(path) = &create.app_secret_file {
        let secret = std::fs::read_to_string(path)
            .map_err(|error| Fault::File { path: path.clone(), what: error.to_string() })?;
        body.insert("appSecret".into(), secret.trim().into());
    }
    let answer = shell.client.post(&["apps"], &Query::default(), &body.into()).await?;
    shell.show(&answer, details)
}

async fn change(shell: &mut Shell, change: &Change) -> Result<(), Fault> {
    let mut body = change.settings.members()?;
    body.extend(change.name.as_deref().map(|name| ("name".to_owned(), name.into())));
    if body.is_empty() {
        return Err(Fault::Usage("nothing to change: give at least one setting".into()));
    }
    let answer = shell.client.patch(&["apps", &change.app_key], &body.into()).await?;
    shell.show(&answer, details)
}

fn listing() -> Listing<App> {
    Listing {
        path: "apps",
        nothing: "There is no app yet. Make one with `privnum app create`.",
        columns: vec![
            ("APP KEY", Kind::Whole, |app| app.app_key.clone()),
            ("MODE", Kind::Whole, |app| app.mode.clone()),
            ("STATUS", Kind::Whole, |app| standing(app).to_owned()),
            ("CREATED (UTC)", Kind::Whole, |app| second(&app.created_at)),
            ("NAME", Kind::Prose, |app| app.name.clone()),
        ],
    }
}

fn details(app: &App, now: Timestamp) -> Details {
    let networks = if app.ip_whitelist.is_empty() { "anywhere".into() } else { app.ip_whitelist.join(", ") };
    let limit =
        app.flow_limit_per_second.map_or_else(|| "no limit".into(), |limit| format!("{limit} per second"));
    let pushed_to = |url: Option<&str>| url.unwrap_or("not pushed").to_owned();
    let numbers_to = app.number_status_url.as_deref().or(app.call_status_url.as_deref());
    let flag = |flag: Option<bool>| flag.map(yes);
    let details = Details::new(format!("App {} ({})", app.name, app.app_key))
        .with("mode", app.mode.as_str())
        .with("status", standing(app))
        .with("created", with_distance(&app.created_at, now))
        .with("call events to", pushed_to(app.call_status_url.as_deref()))
        .with("CDRs to", pushed_to(app.cdr_url.as_deref()))
        .with("number status to", pushed_to(numbers_to.filter(|_| app.push_number_status)))
        .with("requests from", networks)
        .with("requests", limit)
        .with("may record", yes(app.recording))
        .with("tones are checked", yes(app.check_tones))
        .if_some("tone for strangers", app.no_binding_tone.as_deref())
        .if_some("tone for an idle A", app.no_callee_tone.as_deref())
        .if_some("accepted signatures", (!app.auth_schemes.is_empty()).then(|| app.auth_schemes.join(", ")))
        .if_some("pushes signed with", app.push_scheme.as_deref())
        .if_some("accepts time + 8 h", flag(app.accept_plus8h))
        .if_some("refuses reused nonce", flag(app.refuse_reused_nonce))
        .if_some("any 2xx is success", flag(app.accept_any2xx))
        .if_some("old secret until", app.old_secret_valid_until.as_ref().map(|at| with_distance(at, now)));
    with_secret(details, app.app_secret.as_deref())
}

/// A frozen account is what most needs to be seen.
fn standing(app: &App) -> &str {
    if app.frozen { "frozen" } else { &app.status }
}

fn rotated(rotated: &Rotated, now: Timestamp) -> Details {
    let until = rotated.old_secret_valid_until.as_ref().map(|at| with_distance(at, now));
    let details =
        Details::new(format!("New secret of {}", rotated.app_key)).or_dash("old secret until", until);
    with_secret(details, Some(&rotated.app_secret))
}

/// Only the answers that make a secret carry it.
fn with_secret(details: Details, secret: Option<&str>) -> Details {
    let note = secret.map(|_| "the secret is not shown again: hand it over now");
    details.if_some("app secret", secret).if_some("note", note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn members(line: &str) -> Value {
        Line::try_parse_from(format!("x {line}").split_whitespace())
            .unwrap()
            .settings
            .members()
            .unwrap()
            .into()
    }

    #[test]
    fn only_what_is_given_is_sent() {
        assert_eq!(members(""), json!({}));
        assert_eq!(members("--recording"), json!({"recording": true}));
        assert_eq!(members("--recording=false --sms"), json!({"recording": false, "sms": true}));
    }

    #[test]
    fn settings_can_be_cleared() {
        assert_eq!(
            members("--cdr-url none --flow-limit-per-second none --ip-whitelist any"),
            json!({"cdrUrl": null, "flowLimitPerSecond": null, "ipWhitelist": []})
        );
    }

    #[test]
    fn schemes_and_networks_are_lists() {
        assert_eq!(
            members("--auth-schemes aksk,WSSE --ip-whitelist 203.0.113.0/24,::1 --push-scheme aksk"),
            json!({"authSchemes": ["AKSK", "WSSE"], "ipWhitelist": ["203.0.113.0/24", "::1"], "pushScheme": "AKSK"})
        );
    }
}
