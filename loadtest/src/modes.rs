//! What each mode does.

use std::path::{Path, PathBuf};

use crate::Failed;
use crate::child::{Server, binary, own_folder};
use crate::drive::{Load as Loading, Pace, Window, drive};
use crate::machine::{self, resident_bytes};
use crate::options::{Axe, Common, Ladder, Load, Mixed};
use crate::report::{Figures, Row, count, median, print, say};
use crate::scene::{Numbering, Scene};
use crate::traffic::Traffic;

/// What a ladder asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Durable AXB binds.
    Bind,
    /// Routes.
    Route,
}

impl Rung {
    const fn word(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Route => "route",
        }
    }

    /// The part of the ceiling that the server should reach (issue 2, "Speed and memory").
    const fn aim(self, connections: usize) -> &'static str {
        match (self, connections) {
            (Self::Route, _) => ">= 0.85",
            (Self::Bind, 64) => ">= 0.50",
            (Self::Bind, 512) => ">= 0.65",
            (Self::Bind, _) => "",
        }
    }
}

/// `bind` and `route`: one row for each number of connections, beside the ceiling.
pub fn ladder(options: &Ladder, rung: Rung) -> Result<u64, Failed> {
    let Common { numbers, rounds, .. } = options.common;
    let ground = Ground::of(&options.common)?;
    let numbering = Numbering { xs: numbers.max(1) };
    let pace = options.rate.map_or(Pace::Closed, Pace::Open);
    let bound = if rung == Rung::Route { options.preload.max(1) } else { options.preload };
    let mut rows = Vec::new();
    for &connections in &options.connections {
        let measure = |server: &Server, choose| -> Result<Figures, Failed> {
            let (target, traffic) = match rung {
                Rung::Bind => (server.customer, Traffic::binds(numbering, bound, choose)),
                Rung::Route => (server.switch, Traffic::routes(numbering, bound)),
            };
            let load = Loading { target, traffic, connections, pace, threads: options.threads };
            Ok(Figures::of(&drive(server, &[load], ground.window)?, 0))
        };
        let (mut ceiling, mut real) = (Vec::new(), Vec::new());
        for round in 1..=rounds.max(1) {
            say(&format!("{} over {connections} connections, round {round}", rung.word()));
            let scene = Scene::make(&ground.parent, numbering, bound)?;
            if !options.no_ceiling {
                ceiling.push(measure(&Server::ceiling(&scene)?, false)?);
            }
            real.push(measure(&Server::real(&ground.binary, &scene)?, options.choose)?);
        }
        let who = |who| format!("{who} {}", rung.word());
        if !ceiling.is_empty() {
            let (rounds, ceiling) = (ceiling.clone(), Vec::new());
            rows.push(Row { who: who("ceiling"), connections, rounds, ceiling, aim: String::new() });
        }
        let aim = rung.aim(connections).to_owned();
        rows.push(Row { who: who("server"), connections, rounds: real, ceiling, aim });
    }
    Ok(print(&ground.title, &rows))
}

/// `axe`: routes with digits beside routes of AXB, each on as many bindings. The ratio is to AXB.
pub fn axe(options: &Axe) -> Result<u64, Failed> {
    let ground = Ground::of(&options.common)?;
    let numbering = Numbering { xs: options.common.numbers.max(1) };
    let bound = options.preload.clamp(1, numbering.xs * 9_999);
    let mut rows = Vec::new();
    for &connections in &options.connections {
        let (mut axb, mut keyed) = (Vec::new(), Vec::new());
        for round in 1..=options.common.rounds.max(1) {
            say(&format!("routes of AXB and AXE over {connections} connections, round {round}"));
            let measure = |scene: &Scene, traffic| -> Result<Figures, Failed> {
                let server = Server::real(&ground.binary, scene)?;
                let (target, pace) = (server.switch, Pace::Closed);
                let load = Loading { target, traffic, connections, pace, threads: options.threads };
                Ok(Figures::of(&drive(&server, &[load], ground.window)?, 0))
            };
            let scene = Scene::make(&ground.parent, numbering, bound)?;
            axb.push(measure(&scene, Traffic::routes(numbering, bound))?);
            let scene = Scene::axe(&ground.parent, numbering, bound)?;
            keyed.push(measure(&scene, Traffic::keyed_routes(numbering, bound))?);
        }
        let (who, rounds, ceiling) = ("AXB route".to_owned(), axb.clone(), Vec::new());
        rows.push(Row { who, connections, rounds, ceiling, aim: String::new() });
        let (who, aim) = ("AXE route, digits".to_owned(), "as AXB".to_owned());
        rows.push(Row { who, connections, rounds: keyed, ceiling: axb, aim });
    }
    Ok(print(&ground.title, &rows))
}

/// `mixed`: routes at a fixed rate while binds run.
pub fn mixed(options: &Mixed) -> Result<u64, Failed> {
    let ground = Ground::of(&options.common)?;
    let numbering = Numbering { xs: options.common.numbers.max(1) };
    let bound = options.preload.max(1);
    let loads = |server: &Server| {
        let binds = Loading {
            target: server.customer,
            traffic: Traffic::binds(numbering, bound, false),
            connections: options.connections,
            pace: options.bind_rate.map_or(Pace::Closed, Pace::Open),
            threads: 1,
        };
        let routes = Loading {
            target: server.switch,
            traffic: Traffic::routes(numbering, bound),
            connections: options.route_connections,
            pace: Pace::Open(options.route_rate),
            threads: 1,
        };
        vec![binds, routes]
    };
    let mut rows: Vec<Row> = Vec::new();
    let names = ["ceiling bind", "ceiling route", "server bind", "server route"];
    for (at, who) in names.into_iter().enumerate() {
        let connections = if at % 2 == 0 { options.connections } else { options.route_connections };
        let aim = if at == 3 { "p99 < 5 ms".to_owned() } else { String::new() };
        rows.push(Row { who: who.to_owned(), connections, rounds: Vec::new(), ceiling: Vec::new(), aim });
    }
    for round in 1..=options.common.rounds.max(1) {
        say(&format!("routes while binds run, round {round}"));
        let scene = Scene::make(&ground.parent, numbering, bound)?;
        if !options.no_ceiling {
            let server = Server::ceiling(&scene)?;
            let measured = drive(&server, &loads(&server), ground.window)?;
            rows[0].rounds.push(Figures::of(&measured, 0));
            rows[1].rounds.push(Figures::of(&measured, 1));
        }
        let server = Server::real(&ground.binary, &scene)?;
        let measured = drive(&server, &loads(&server), ground.window)?;
        rows[2].rounds.push(Figures::of(&measured, 0));
        rows[3].rounds.push(Figures::of(&measured, 1));
    }
    rows.retain(|row| !row.rounds.is_empty());
    Ok(print(&ground.title, &rows))
}

/// `load`: how long a start takes and how much memory a binding needs.
pub fn load(options: &Load) -> Result<u64, Failed> {
    let binary = binary(options.server.as_deref())?;
    let parent = parent(options.dir.as_deref())?;
    let per_x = options.per_x.clamp(1, 5_000);
    let numbering = Numbering { xs: options.bindings.div_ceil(per_x).max(1) };
    say(&format!("writing {} bindings, {per_x} on each X number", options.bindings));
    let empty = Scene::make(&parent, Numbering { xs: 1 }, 0)?;
    let full = Scene::make(&parent, numbering, options.bindings)?;
    let mut starts = Vec::new();
    for round in 1..=options.rounds.max(1) {
        say(&format!("start {round}"));
        let start = |scene| -> Result<_, Failed> {
            let server = Server::real(&binary, scene)?;
            Ok((server.ready_after.as_secs_f64(), count(resident_bytes(server.id())?)))
        };
        starts.push((start(&empty)?, start(&full)?));
    }
    let of = |figure: fn(&Start) -> f64| median(starts.iter().map(figure));
    let bindings = count(options.bindings.max(1));
    say(&format!(
        "\n{}\n\nready after            {:.2} s with {} bindings, {:.2} s with none   (aim: 3 s with 1,000,000)\n\
         resident memory        {:.1} MB with them, {:.1} MB with none\n\
         memory for a binding   {:.0} bytes   (aim: at most 250)",
        machine::description(),
        of(|start| start.1.0),
        options.bindings,
        of(|start| start.0.0),
        of(|start| start.1.1) / 1e6,
        of(|start| start.0.1) / 1e6,
        of(|start| start.1.1 - start.0.1) / bindings,
    ));
    Ok(0)
}

/// Seconds until ready and resident bytes: of an empty server, and of a full one.
type Start = ((f64, f64), (f64, f64));

/// What the measurements of one run have in common.
struct Ground {
    binary: PathBuf,
    parent: PathBuf,
    window: Window,
    title: String,
}

impl Ground {
    fn of(common: &Common) -> Result<Self, Failed> {
        Ok(Self {
            binary: binary(common.server.as_deref())?,
            parent: parent(common.dir.as_deref())?,
            window: Window { warm_up: common.warm_up(), length: common.window() },
            title: format!(
                "{}; median of {} rounds of {} s",
                machine::description(),
                common.rounds.max(1),
                common.seconds
            ),
        })
    }
}

/// Where data folders are made.
pub fn parent(named: Option<&Path>) -> Result<PathBuf, Failed> {
    named.map_or_else(|| Ok(own_folder()?.join("loadtest-data")), |named| Ok(named.to_owned()))
}
