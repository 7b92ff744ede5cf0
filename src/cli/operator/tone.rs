//! `privnum tone`: tone files of an app.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Deserialize;

use super::Shell;
use super::client::Query;
use super::fault::Fault;
use super::list::{Listing, Paging};
use super::output::Details;
use super::table::Kind;
use super::word::{maybe_second, second, with_distance};
use crate::domain::time::Timestamp;
use crate::domain::tone::TONE_BYTES_MAX;

/// What to do with tone files.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Upload a WAV file: G.711 A-law, 8 kHz, mono, at most 2 MiB. It counts once it is approved.
    #[command(after_help = "Examples:\n  privnum tone upload taxi hint.wav\n  \
        privnum tone upload taxi /tmp/new.wav --name hint.wav\n\n\
        To make one: sox in.wav -r 8000 -c 1 -e a-law hint.wav")]
    Upload {
        /// The app's key.
        app_key: String,
        /// The file.
        file: PathBuf,
        /// The name that binds use; without it that of the file.
        #[arg(long)]
        name: Option<String>,
    },
    /// List the tone files of an app, in order of their names.
    #[command(after_help = "Example:\n  privnum tone list taxi --all")]
    List {
        /// The app's key.
        app_key: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one tone file.
    #[command(after_help = "Example:\n  privnum tone show taxi hint.wav")]
    Show {
        /// The app's key.
        app_key: String,
        /// The name of the tone file.
        name: String,
    },
    /// Fetch the sound of a tone file, to listen to it.
    #[command(after_help = "Example:\n  privnum tone download taxi hint.wav --out /tmp/hint.wav")]
    Download {
        /// The app's key.
        app_key: String,
        /// The name of the tone file.
        name: String,
        /// The file to write; it must not exist yet.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Let a tone file be played.
    #[command(after_help = "Example:\n  privnum tone approve taxi hint.wav")]
    Approve {
        /// The app's key.
        app_key: String,
        /// The name of the tone file.
        name: String,
    },
    /// Let a tone file not be played, or no longer.
    #[command(after_help = "Example:\n  privnum tone reject taxi hint.wav")]
    Reject {
        /// The app's key.
        app_key: String,
        /// The name of the tone file.
        name: String,
    },
    /// Take a tone file out. Bindings that name it stay.
    #[command(after_help = "Example:\n  privnum tone remove taxi hint.wav")]
    Remove {
        /// The app's key.
        app_key: String,
        /// The name of the tone file.
        name: String,
    },
}

/// A tone file as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tone {
    name: String,
    state: String,
    bytes: u32,
    sha256: String,
    uploaded_at: String,
    decided_at: Option<String>,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::Upload { app_key, file, name } => {
            let name = name.or_else(|| file.file_name()?.to_str().map(str::to_owned));
            let name = name.ok_or_else(|| Fault::Usage("give the tone a name with --name".into()))?;
            let sound = sound_of(&file)?;
            let answer =
                shell.client.put_file(&["apps", &app_key, "tones", &name], "audio/wav", sound).await?;
            shell.show(&answer, details)
        }
        Command::List { app_key, paging } => {
            shell.list_at(&["apps", &app_key, "tones"], &listing(), Query::default(), &paging).await
        }
        Command::Show { app_key, name } => {
            let answer = shell.client.get(&["apps", &app_key, "tones", &name], &Query::default()).await?;
            shell.show(&answer, details)
        }
        Command::Download { app_key, name, out } => download(shell, &app_key, &name, &out).await,
        Command::Approve { app_key, name } => decide(shell, &app_key, &name, "approve").await,
        Command::Reject { app_key, name } => decide(shell, &app_key, &name, "reject").await,
        Command::Remove { app_key, name } => {
            shell.client.delete(&["apps", &app_key, "tones", &name], &Query::default()).await?;
            shell.done(&format!("Removed tone {name}."))
        }
    }
}

async fn decide(shell: &mut Shell, app_key: &str, name: &str, verb: &str) -> Result<(), Fault> {
    let answer = shell.client.order(&["apps", app_key, "tones", name, verb]).await?;
    shell.show(&answer, details)
}

/// Reads no more than the gateway would take, and one byte that tells it that there was more.
fn sound_of(path: &Path) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: std::io::Error| Fault::File { path: path.into(), what: error.to_string() };
    let mut sound = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(TONE_BYTES_MAX as u64 + 1).read_to_end(&mut sound).map_err(unreadable)?;
    Ok(sound)
}

async fn download(shell: &mut Shell, app_key: &str, name: &str, out: &Path) -> Result<(), Fault> {
    let unwritable = |error: std::io::Error| Fault::File { path: out.into(), what: error.to_string() };
    let path = ["apps", app_key, "tones", name, "content"];
    let mut response = shell.client.stream(&path, &Query::default(), "audio/wav").await?;
    let mut sound = Vec::new();
    while let Some(piece) = shell.client.piece(&mut response).await? {
        if sound.len() + piece.len() > TONE_BYTES_MAX {
            return Err(shell.client.strange("gave a tone of more than 2 MiB".into()));
        }
        sound.extend_from_slice(&piece);
    }
    let mut file = std::fs::File::create_new(out).map_err(unwritable)?;
    file.write_all(&sound).map_err(unwritable)?;
    shell.done(&format!("Wrote {} bytes to {}.", sound.len(), out.display()))
}

fn listing() -> Listing<Tone> {
    Listing {
        path: "tones",
        nothing: "The app has no tone files.",
        columns: vec![
            ("NAME", Kind::Whole, |tone| tone.name.clone()),
            ("STATE", Kind::Whole, |tone| tone.state.clone()),
            ("SECONDS", Kind::Whole, |tone| seconds(tone).to_string()),
            ("UPLOADED (UTC)", Kind::Whole, |tone| second(&tone.uploaded_at)),
            ("DECIDED (UTC)", Kind::Whole, |tone| maybe_second(tone.decided_at.as_ref())),
        ],
    }
}

/// About: the headers are counted with the sound.
fn seconds(tone: &Tone) -> u32 {
    tone.bytes / 8_000
}

fn details(tone: &Tone, now: Timestamp) -> Details {
    Details::new(format!("Tone {}", tone.name))
        .with("state", tone.state.as_str())
        .with("length", format!("{} bytes, about {} s", tone.bytes, seconds(tone)))
        .with("sha256", tone.sha256.as_str())
        .with("uploaded", with_distance(&tone.uploaded_at, now))
        .or_dash("decided", tone.decided_at.as_ref().map(|at| with_distance(at, now)))
}
