//! The switch's part, played against a gateway: it binds as the application, asks for routes, reports calls in
//! good order and bad, sends a recording and short messages, takes an order, and reads what the application was told.

mod checks;
mod judge;
mod mode;
mod orders;
mod peer;
mod receiver;
mod script;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::Url;

use super::report::Report;
use super::unusable;
use crate::cli::operator::{Fault, token_of_file, written_number};
use peer::Peer;
use script::{Cast, Script};

/// Which gateway, as whom, with which numbers.
#[derive(Debug, Args)]
pub(super) struct GatewayOptions {
    /// Address of the gateway's switch listener.
    #[arg(long, env = "PRIVNUM_SWITCH", value_name = "URL", default_value = "http://127.0.0.1:8081")]
    switch: Url,
    /// File that holds a token of the switch; its first token is used.
    #[arg(long, value_name = "FILE")]
    switch_token_file: PathBuf,
    /// Address of the gateway's customer listener.
    #[arg(long, value_name = "URL")]
    customer: Url,
    /// Key of an app that is made for checks.
    #[arg(long)]
    key: String,
    /// Its secret. Put it into the environment instead: everybody on the machine sees arguments.
    #[arg(long, env = "PRIVNUM_SECRET", hide_env_values = true)]
    secret: String,
    /// The X number to bind; without it the gateway chooses one of the app's. In X mode the number that is dialled,
    /// without which no call can be played; in AXYB the gateway always chooses.
    #[arg(long, value_name = "NUMBER", value_parser = written_number)]
    x: Option<String>,
    /// The number that is bound as A. It is not called.
    #[arg(long, value_name = "NUMBER", default_value = "+8613800000001", value_parser = written_number)]
    a: String,
    /// The other party. It is not called.
    #[arg(long, value_name = "NUMBER", default_value = "+8613800000002", value_parser = written_number)]
    b: String,
    /// Listen here for the gateway's orders, which must be its switch.control_url. Without it call stop is not checked.
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
    /// Listen here for what the application is asked, which must be the app's callStatusUrl (mode X) and smsControlUrl.
    /// Without it an app of mode X answers for itself, and an app of mode AX is not asked about messages.
    #[arg(long, value_name = "ADDRESS")]
    receiver: Option<SocketAddr>,
    /// Wait so long for what the application is told.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=600))]
    wait_secs: u16,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}

/// Plays the part.
pub(super) async fn run(options: GatewayOptions) -> Result<Report, Fault> {
    for (name, url) in [("--switch", &options.switch), ("--customer", &options.customer)] {
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(unusable(format!("{name} must be an address like http://127.0.0.1:8081")));
        }
    }
    let token = token_of_file(&options.switch_token_file)?;
    let peer = Peer::new([options.switch, options.customer], token, [options.key, options.secret])
        .map_err(unusable)?;
    let taken = |address, option, error| unusable(format!("cannot listen on {address} ({option}): {error}"));
    let control = match options.control {
        Some(address) => {
            Some(orders::listen(address).await.map_err(|error| taken(address, "--control", error))?)
        }
        None => None,
    };
    let receiver = match options.receiver {
        Some(address) => {
            Some(receiver::listen(address).await.map_err(|error| taken(address, "--receiver", error))?)
        }
        None => None,
    };
    let cast = Cast { x: options.x, a: options.a, b: options.b };
    let wait = Duration::from_secs(options.wait_secs.into());
    Ok(Script::new(peer, cast, control, receiver, wait).play().await)
}
