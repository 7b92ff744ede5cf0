//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Drives a real privnum server over sockets, beside its bare ceiling in the same run.
///
/// Every figure depends on the machine and on what else runs on it: trust the ratios.
#[derive(Debug, Parser)]
pub struct Cli {
    /// What to measure.
    #[command(subcommand)]
    pub mode: Mode,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum Mode {
    /// Durable AXB binds.
    Bind(Ladder),
    /// Route questions of a switch.
    Route(Ladder),
    /// Route questions with the digits of an extension, beside those of AXB.
    Axe(Axe),
    /// Route questions at a fixed rate while binds run.
    Mixed(Mixed),
    /// Start-up time and memory with many bindings.
    #[command(visible_alias = "memory")]
    Load(Load),
    /// Notices to receivers: their rate, what pending ones cost, what endpoints that hang cost.
    Callbacks(Callbacks),
    /// What the others notice when customers of X mode never answer where calls go.
    Xmode(XMode),
    /// The bare loop that deliveries are measured against, by itself; `callbacks` starts it.
    #[command(hide = true)]
    Push {
        /// Where to.
        #[arg(long)]
        to: SocketAddr,
        /// A file with a body in each line.
        #[arg(long)]
        bodies: PathBuf,
        /// Over how many connections.
        #[arg(long)]
        connections: usize,
        /// For how long.
        #[arg(long)]
        seconds: f64,
        /// With which client.
        #[arg(long)]
        client: Client,
    },
    /// The bare ceiling by itself; the other modes start it.
    #[command(hide = true)]
    Ceiling {
        /// The configuration file of the server it stands in for.
        #[arg(long)]
        config: PathBuf,
    },
}

/// What the bare loop posts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// Connections of hyper's, one kept by each of the loops: nothing can be leaner.
    Hyper,
    /// One client of reqwest's with its pool, as services commonly post.
    Reqwest,
}

impl Client {
    /// As it is named on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Reqwest => "reqwest",
        }
    }
}

/// What every mode can be told.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Length of one measurement in seconds, after the warm-up.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds of load before a measurement counts.
    #[arg(long, default_value_t = 1.0)]
    pub warm_up: f64,
    /// How often everything is measured, ceiling and server in turn; the table shows the median.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// X numbers. Each carries at most 5,000 bindings.
    #[arg(long, default_value_t = 1_000)]
    pub numbers: u64,
    /// The privnum binary to measure, instead of the one of this workspace.
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Where data folders are made; not a memory file system, or durable means nothing. Default: beside this binary.
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

impl Common {
    /// Length of one measurement.
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.max(0.1))
    }

    /// Load before it.
    pub fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up.max(0.0))
    }
}

/// Options of `bind` and `route`.
#[derive(Args, Clone, Debug)]
pub struct Ladder {
    /// For every mode.
    #[command(flatten)]
    pub common: Common,
    /// Connections, one row of the table for each.
    #[arg(long, value_delimiter = ',', default_value = "64,512")]
    pub connections: Vec<usize>,
    /// Threads of the load generator, which share the connections.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Open loop: so many requests per second whatever the answers do, latency from the intended start. Without it
    /// the loop is closed: each connection asks again as soon as it is answered.
    #[arg(long)]
    pub rate: Option<u32>,
    /// Bindings that stand before the measurement begins.
    #[arg(long, default_value_t = 100_000)]
    pub preload: u64,
    /// Binds name no X number but let the gateway choose one by area.
    #[arg(long)]
    pub choose: bool,
    /// Leave the ceiling out, and with it the ratio.
    #[arg(long)]
    pub no_ceiling: bool,
}

/// Options of `axe`.
#[derive(Args, Clone, Debug)]
pub struct Axe {
    /// For every mode.
    #[command(flatten)]
    pub common: Common,
    /// Connections, two rows of the table for each.
    #[arg(long, value_delimiter = ',', default_value = "64,512")]
    pub connections: Vec<usize>,
    /// Threads of the load generator, which share the connections.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Bindings of each mode that stand before the measurement begins; at most 9,999 on each X number.
    #[arg(long, default_value_t = 100_000)]
    pub preload: u64,
}

/// Options of `mixed`.
#[derive(Args, Clone, Debug)]
pub struct Mixed {
    /// For every mode.
    #[command(flatten)]
    pub common: Common,
    /// Connections that bind.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Binds per second, open loop. Without it the loop is closed: as many as the gateway takes.
    #[arg(long)]
    pub bind_rate: Option<u32>,
    /// Connections that ask for routes.
    #[arg(long, default_value_t = 16)]
    pub route_connections: usize,
    /// Route questions per second, open loop.
    #[arg(long, default_value_t = 2_000)]
    pub route_rate: u32,
    /// Bindings that stand before the measurement begins; the routes ask for them.
    #[arg(long, default_value_t = 100_000)]
    pub preload: u64,
    /// Leave the ceiling out.
    #[arg(long)]
    pub no_ceiling: bool,
}

/// Options of `load`.
#[derive(Args, Clone, Debug)]
pub struct Load {
    /// The privnum binary to measure, instead of the one of this workspace.
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Where data folders are made. Default: beside this binary.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Bindings.
    #[arg(long, default_value_t = 1_000_000)]
    pub bindings: u64,
    /// Bindings on each X number, at most 5,000.
    #[arg(long, default_value_t = 100)]
    pub per_x: u64,
    /// How often the server is started; the table shows the median.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
}

/// A part of `callbacks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Notices a second, beside the bare loop.
    Rate,
    /// Start-up time and memory with many pending re-pushes.
    Pending,
    /// What the healthy notice of endpoints that hang, and the memory of a hanging push.
    Hung,
}

/// Options of `callbacks`.
#[derive(Args, Clone, Debug)]
pub struct Callbacks {
    /// For every mode; the rate takes all of it, the other parts what fits.
    #[command(flatten)]
    pub common: Common,
    /// Only these parts.
    #[arg(long = "part", value_enum)]
    pub parts: Vec<Part>,
    /// Rate: connections to the switch listener, and of the bare loop to the sink.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Rate: reports in one request of the switch, two rows of the table for each.
    #[arg(long, value_delimiter = ',', default_value = "1,50")]
    pub reports: Vec<usize>,
    /// Pending: deliveries that wait for a re-push.
    #[arg(long, default_value_t = 1_000_000)]
    pub pending: u64,
    /// Hung: apps, each with one endpoint at an address of its own.
    #[arg(long, default_value_t = 10_000)]
    pub endpoints: u32,
    /// Hung: how many of a hundred endpoints never answer.
    #[arg(long, default_value_t = 10)]
    pub hung_percent: u32,
    /// Hung: notices a second, spread over all endpoints.
    #[arg(long, default_value_t = 1_000)]
    pub notices_per_second: u32,
    /// Hung: length of each of the two measurements in seconds.
    #[arg(long, default_value_t = 30.0)]
    pub hung_seconds: f64,
    /// Hung: pushes that hang at once while memory is measured, if so many files may be open.
    #[arg(long, default_value_t = 5_000)]
    pub hanging: u32,
}

/// Options of `xmode`.
#[derive(Args, Clone, Debug)]
pub struct XMode {
    /// The privnum binary to measure, instead of the one of this workspace.
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Where data folders are made. Default: beside this binary.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Customers, each with an X and a receiver at an address of its own.
    #[arg(long, default_value_t = 100)]
    pub customers: u32,
    /// How many of them never answer.
    #[arg(long, default_value_t = 10)]
    pub hung: u32,
    /// The others take 1 to so many milliseconds to answer, each always the same.
    #[arg(long, default_value_t = 50)]
    pub answer_ms: u32,
    /// Route questions a second, spread over all customers.
    #[arg(long, default_value_t = 500)]
    pub rate: u32,
    /// Length of each of the two measurements in seconds.
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
}
