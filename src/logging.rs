//! Logging: to stderr, text on a terminal and JSON otherwise, at the level of the configuration or of the
//! environment variable `PRIVNUM_LOG`. The level can change while the program runs.
//!
//! Only this crate's own messages are logged at the chosen level. Other crates are held to warnings, because
//! their messages know nothing of masked numbers: an HTTP library may well print a path with a number in it.
//!
//! # Field names
//!
//! The same thing has the same name in every message:
//!
//! | field | meaning |
//! |---|---|
//! | `request` | id of a request, which the client got too |
//! | `peer` | address of the client |
//! | `listener` | `customer`, `switch` or `operator` |
//! | `app` | app_key of a customer's application |
//! | `x` | X number, masked |
//! | `party` | number of a party, masked |
//! | `subscription` | subscriptionId of a binding |
//! | `call` | sessionId of a call |
//! | `delivery` | id of a delivery |
//! | `attempt` | which push of a delivery, from 1 |
//! | `status` | HTTP status |
//! | `code` | result code |
//! | `count`, `took_ms` | how many (in a line that is said once a minute at most: since it was said last), how long |
//!
//! A message never holds a secret, a body or a full number; numbers mask themselves when printed.

mod seldom;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

pub use self::seldom::Seldom;

use tracing::Subscriber;
use tracing::field::display;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Filter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{Log, LogFormat, LogLevel};

/// Environment variable that wins over `log.level`.
pub const LEVEL_VARIABLE: &str = "PRIVNUM_LOG";

/// A panic message is cut after this many characters.
const PANIC_MESSAGE_MAX: usize = 300;
/// A run of digits this long in a panic message may be somebody's number.
const DIGIT_RUN_MIN: usize = 5;

/// Why logging could not start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoggingError {
    /// `PRIVNUM_LOG` holds none of the levels.
    #[error("{LEVEL_VARIABLE} must be error, warn, info, debug or trace")]
    UnknownLevel,
    /// Logging was started before in this program.
    #[error("logging is set up already")]
    Twice,
}

/// Logging that was started. It goes on when this is dropped.
#[derive(Debug)]
pub struct Logging {
    filter: reload::Handle<Targets, Registry>,
    /// What `PRIVNUM_LOG` said at the start.
    variable: Option<String>,
}

impl Logging {
    /// Logs at another level from now on, unless `PRIVNUM_LOG` set it at the start.
    pub fn set_level(&self, configured: LogLevel) {
        let level = level(configured, self.variable.as_deref()).expect("it was read at the start");
        self.filter.reload(targets(level)).expect("the subscriber lives as long as the program");
    }
}

/// Starts logging to stderr, and logs every panic from now on. Once per program.
pub fn start(log: Log) -> Result<Logging, LoggingError> {
    let variable = std::env::var(LEVEL_VARIABLE).ok();
    let level = level(log.level, variable.as_deref())?;
    let (filter, handle) = reload::Layer::new(targets(level));
    let terminal = io::stderr().is_terminal();
    let shape = match log.format {
        LogFormat::Json => Shape::Json,
        LogFormat::Auto if !terminal => Shape::Json,
        LogFormat::Auto | LogFormat::Text => Shape::Text { colour: terminal && colour_wanted() },
    };
    tracing_subscriber::registry()
        .with(layer(filter, shape, io::stderr))
        .try_init()
        .map_err(|_| LoggingError::Twice)?;
    panic::set_hook(Box::new(log_panic));
    Ok(Logging { filter: handle, variable })
}

#[derive(Clone, Copy)]
enum Shape {
    Text { colour: bool },
    Json,
}

/// <https://no-color.org>: set and not empty means no colour.
fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn level(configured: LogLevel, variable: Option<&str>) -> Result<LogLevel, LoggingError> {
    let Some(name) = variable.filter(|name| !name.is_empty()) else { return Ok(configured) };
    let found = LogLevel::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level).ok_or(LoggingError::UnknownLevel)
}

/// This crate's messages at `level`, those of others at warnings at the most.
fn targets(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = own.min(LevelFilter::WARN);
    Targets::new().with_target(env!("CARGO_CRATE_NAME"), own).with_default(others)
}

fn layer<S, F, W>(filter: F, shape: Shape, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    F: Filter<S> + Send + Sync + 'static,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    let layer = match shape {
        Shape::Text { colour } => layer.with_ansi(colour).boxed(),
        Shape::Json => layer.json().flatten_event(true).with_span_list(false).boxed(),
    };
    layer.with_filter(filter)
}

/// Logs where a panic happened, and its message.
///
/// The message is worth having: a place alone does not say what failed there, and ours quote only what our
/// own types print, which is masked. The exception are messages of the standard library about a text that was
/// cut at the wrong byte: they quote the text, so it is left out. Long runs of digits are masked in any case.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = masked_panic_message(message.unwrap_or("(no message)"));
    let place = panic.location().map_or_else(|| "unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let backtrace = Backtrace::capture(); // only where RUST_BACKTRACE asks for it
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(backtrace));
    tracing::error!(%place, thread, backtrace, "panic: {message}");
}

fn masked_panic_message(message: &str) -> String {
    let quotes_text = message.contains("byte index ") || message.contains("slicing `");
    let quote_start = message.find('`').filter(|_| quotes_text).unwrap_or(message.len());
    let mut masked = String::new();
    let mut rest = &message[..quote_start];
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_numeric();
        let run_end = rest.find(|c: char| c.is_numeric() != is_digit).unwrap_or(rest.len());
        let (run, after) = rest.split_at(run_end);
        let may_be_a_number = is_digit && run.chars().count() >= DIGIT_RUN_MIN;
        masked.push_str(if may_be_a_number { "****" } else { run });
        rest = after;
    }
    masked.chars().take(PANIC_MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LogLevel, shape: Shape, say: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::registry().with(layer(targets(level), shape, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, say);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn other_crates_are_held_to_warnings_at_every_level() {
        let text = logged(LogLevel::Trace, Shape::Text { colour: false }, || {
            tracing::trace!("own trace");
            tracing::info!(target: "hyper::proto", "GET /with/a/number");
            tracing::warn!(target: "hyper::proto", "their warning");
        });
        assert!(text.contains("own trace") && text.contains("their warning"), "{text}");
        assert!(!text.contains("GET"), "{text}");

        let text = logged(LogLevel::Error, Shape::Text { colour: false }, || {
            tracing::warn!("own warning");
            tracing::warn!(target: "hyper::proto", "their warning");
        });
        assert_eq!(text, "");
    }

    #[test]
    fn the_level_can_change_while_the_program_runs_unless_the_environment_sets_it() {
        for (variable, debug_is_logged) in [(None, true), (Some("warn".to_owned()), false)] {
            let lines = Lines::default();
            let writer = lines.clone();
            let (filter, handle) = reload::Layer::new(targets(LogLevel::Warn));
            let logging = Logging { filter: handle, variable };
            let shape = Shape::Text { colour: false };
            let subscriber =
                tracing_subscriber::registry().with(layer(filter, shape, move || writer.clone()));
            tracing::subscriber::with_default(subscriber, || {
                tracing::debug!("before");
                logging.set_level(LogLevel::Debug);
                tracing::debug!("after");
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(!text.contains("before"), "{text}");
            assert_eq!(text.contains("after"), debug_is_logged, "{text}");
        }
    }

    #[test]
    fn a_json_line_is_one_object_with_the_fields_at_its_top() {
        let line = logged(LogLevel::Info, Shape::Json, || tracing::info!(count = 3, "two\nlines"));
        assert_eq!(line.lines().count(), 1, "{line}");
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["message"], "two\nlines");
        assert_eq!(object["count"], 3);
        assert_eq!(object["level"], "INFO");
    }

    #[test]
    fn the_environment_wins_over_the_configuration_and_must_name_a_level() {
        assert_eq!(level(LogLevel::Info, None), Ok(LogLevel::Info));
        assert_eq!(level(LogLevel::Info, Some("")), Ok(LogLevel::Info));
        assert_eq!(level(LogLevel::Info, Some("DEBUG")), Ok(LogLevel::Debug));
        assert_eq!(level(LogLevel::Info, Some("loud")), Err(LoggingError::UnknownLevel));
    }

    #[test]
    fn a_panic_message_shows_no_number_and_is_cut() {
        assert_eq!(
            masked_panic_message("inside 'é' of `+8613800000001`, at 3"),
            "inside 'é' of `+****`, at 3"
        );
        assert_eq!(masked_panic_message(""), "");
        assert_eq!(masked_panic_message(&"x".repeat(1_000)).len(), PANIC_MESSAGE_MAX);
    }

    #[test]
    fn a_panic_about_a_text_does_not_quote_it() {
        let text = "é secret";
        let (start, past_end, behind) = (1, 99, 3);
        let cuts: [&dyn Fn() -> usize; 3] =
            [&|| text[start..].len(), &|| text[..past_end].len(), &|| text[behind..behind - 1].len()];
        for cut in cuts {
            let payload = panic::catch_unwind(panic::AssertUnwindSafe(cut)).unwrap_err();
            let message = payload.downcast_ref::<String>().unwrap();
            assert!(!masked_panic_message(message).contains("secret"), "{message}");
        }
    }
}
