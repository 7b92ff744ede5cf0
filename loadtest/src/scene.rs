//! What a measurement starts from: a data folder with a configuration, one app, its X numbers, and bindings.
//!
//! Written straight through the store, which is quicker than asking a gateway and ends with the same files.

use std::fs;
use std::path::{Path, PathBuf};

use privnum::clock::Clock;
use privnum::domain::area::AreaCode;
use privnum::domain::binding::{AnyBinding, Axb, Axe, Binding, Change, Expiry, FirstGiven, Span, Terms};
use privnum::domain::customer::{AppSecret, CustomerApp, Mode, NumberRecord, NumberStatus};
use privnum::domain::extension::Extension;
use privnum::domain::id::{AppKey, AppNo, RowKey};
use privnum::domain::number::{E164, Pair, XNumber};
use privnum::domain::time::Timestamp;
use privnum::store::embedded::EmbeddedStore;
use privnum::store::{Batch, Store, Write};
use tempfile::TempDir;

use crate::Failed;

/// The app that binds.
pub const APP_KEY: &str = "loadtestKey0000000000000000000001";
/// Its secret.
pub const APP_SECRET: &str = "loadtestSecret00000000000000000000000001";
/// The token of switch and operator.
pub const TOKEN: &str = "loadtest-token-0123456789";
/// The area of every X number.
pub const AREA: &str = "0755";
/// Life of every binding, seconds: long enough that none ends during a measurement.
pub const DURATION_SECS: u32 = 86_400;

const FIRST_X: u64 = 8_617_000_000_000;
const FIRST_PARTY: u64 = 8_613_000_000_000;
/// Writes in one commit while a scene is made.
const WRITES_PER_COMMIT: u64 = 20_000;

/// Which numbers the bindings of a run have: binding `n` joins two parties of its own on X `n % xs`.
#[derive(Clone, Copy, Debug)]
pub struct Numbering {
    /// How many X numbers there are.
    pub xs: u64,
}

impl Numbering {
    /// The X number of binding `n`.
    pub fn x(self, n: u64) -> u64 {
        FIRST_X + n % self.xs
    }

    /// The extension of binding `n` of AXE.
    pub fn extension(self, n: u64) -> u16 {
        u16::try_from(n / self.xs + 1).expect("at most 9,999 on each X number")
    }
}

/// The two parties of binding `n`.
pub fn parties(n: u64) -> (u64, u64) {
    (FIRST_PARTY + 2 * n, FIRST_PARTY + 2 * n + 1)
}

/// A data folder, removed with this value.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
}

impl Scene {
    /// A new folder in `parent` with the app that binds, its X numbers, and `bindings` bindings.
    pub fn make(parent: &Path, numbering: Numbering, bindings: u64) -> Result<Self, Failed> {
        Self::bound(parent, numbering, bindings, Mode::Axb, |n, key, now| {
            AnyBinding::Axb(binding(numbering, n, key, now))
        })
    }

    /// The same of AXE: binding `n` gives the second party of pair `n` an extension on its X number.
    pub fn axe(parent: &Path, numbering: Numbering, bindings: u64) -> Result<Self, Failed> {
        Self::bound(parent, numbering, bindings, Mode::Axe, |n, key, now| {
            AnyBinding::Axe(axe_binding(numbering, n, key, now))
        })
    }

    fn bound(
        parent: &Path,
        numbering: Numbering,
        bindings: u64,
        mode: Mode,
        bind: impl Fn(u64, RowKey, Timestamp) -> AnyBinding,
    ) -> Result<Self, Failed> {
        Self::filled(parent, "", |store, now| {
            let app = CustomerApp { mode, ..app(now) };
            store.commit(&Batch { writes: vec![Write::App(app.into())] })?;
            commit_all(store, numbering.xs, |n| Write::Number(number(numbering.x(n), now)))?;
            let first = RowKey::floor(now.millis());
            let key = |n| RowKey::from_stored(first.get() + n).expect("later than now");
            commit_all(store, bindings, |n| Write::Binding(Change::Bound(bind(n, key(n), now))))
        })
    }

    /// A new folder in `parent` with further lines of configuration, and with what `fill` puts into its store.
    pub fn filled(
        parent: &Path,
        more: &str,
        fill: impl FnOnce(&dyn Store, Timestamp) -> Result<(), Failed>,
    ) -> Result<Self, Failed> {
        fs::create_dir_all(parent)?;
        let folder = tempfile::Builder::new().prefix("loadtest-").tempdir_in(parent)?;
        fs::write(folder.path().join("privnum.toml"), configuration() + more)?;
        let data = folder.path().join("data");
        fs::create_dir_all(&data)?;
        fill(&EmbeddedStore::open(&data, [7; 32])?, Clock::system().now())?;
        Ok(Self { folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("privnum.toml")
    }
}

/// Writes `count` rows, some thousands in each commit.
pub fn commit_all(store: &dyn Store, count: u64, write: impl Fn(u64) -> Write) -> Result<(), Failed> {
    let mut from = 0;
    while from < count {
        let to = count.min(from + WRITES_PER_COMMIT);
        store.commit(&Batch { writes: (from..to).map(&write).collect() })?;
        from = to;
    }
    Ok(())
}

fn configuration() -> String {
    format!(
        "[listen]\ncustomer = \"127.0.0.1:0\"\nswitch = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n\
         [store]\nkind = \"embedded\"\ndir = \"data\"\n[operator]\ntoken = \"{TOKEN}\"\n[switch]\ntoken = \"{TOKEN}\"\n\
         [log]\nlevel = \"warn\"\nformat = \"text\"\n"
    )
}

/// The app that binds.
pub fn app(now: Timestamp) -> CustomerApp {
    let key = AppKey::new(APP_KEY).expect("letters and digits");
    CustomerApp::new(AppNo(1), key, "loadtest", Mode::Axb, AppSecret::new(APP_SECRET), now)
}

/// An X number of the app.
pub fn number(x: u64, now: Timestamp) -> NumberRecord {
    NumberRecord {
        x: XNumber::new(e164(x)),
        app: AppNo(1),
        area: AreaCode::parse(AREA),
        sms: false,
        status: NumberStatus::Normal,
        added_at: now,
    }
}

/// Binding `n`.
pub fn binding(numbering: Numbering, n: u64, id: RowKey, now: Timestamp) -> Binding<Axb> {
    let (a, b) = parties(n);
    Binding {
        id,
        app: AppNo(1),
        x: XNumber::new(e164(numbering.x(n))),
        relation: Axb {
            pair: Pair::new(e164(a), e164(b)).expect("two numbers"),
            duration_secs: DURATION_SECS,
        },
        terms: Terms::default(),
        expiry: Expiry::in_secs(DURATION_SECS + u32::try_from(n % 3_600).expect("below 3,600"), now),
        since: now,
    }
}

fn axe_binding(numbering: Numbering, n: u64, id: RowKey, now: Timestamp) -> Binding<Axe> {
    Binding {
        id,
        app: AppNo(1),
        x: XNumber::new(e164(numbering.x(n))),
        relation: Axe {
            a: e164(parties(n).1),
            extension: Extension::new(4, numbering.extension(n)).expect("four digits"),
            life: Span::NONE,
            callback: Span { amount: 1, ..Span::NONE },
            first: FirstGiven::default(),
            fallback: None,
            shows_caller: false,
        },
        terms: Terms::default(),
        expiry: Expiry::Never,
        since: now,
    }
}

fn e164(word: u64) -> E164 {
    E164::from_word(word).expect("a number of 13 digits")
}
