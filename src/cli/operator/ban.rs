//! `privnum ban`: addresses that failed to authenticate too often.

use clap::Subcommand;
use serde::Deserialize;

use super::Shell;
use super::client::Query;
use super::fault::Fault;
use super::list::{Listing, Paging};
use super::table::Kind;
use super::word::second;

/// What to do with bans.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the addresses that are shut out now.
    #[command(after_help = "Example:\n  privnum ban list")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Let an address in again.
    #[command(after_help = "Example:\n  privnum ban lift 203.0.113.7")]
    Lift {
        /// The address, or for IPv6 any address of its network of 64 bits.
        ip: String,
    },
}

#[derive(Deserialize)]
struct Ban {
    ip: String,
    until: String,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::List { paging } => {
            let listing = Listing {
                path: "bans",
                nothing: "No address is banned.",
                columns: vec![
                    ("ADDRESS", Kind::Whole, |ban: &Ban| ban.ip.clone()),
                    ("UNTIL (UTC)", Kind::Whole, |ban| second(&ban.until)),
                ],
            };
            shell.list(&listing, Query::default(), &paging).await
        }
        Command::Lift { ip } => {
            shell.client.delete(&["bans", &ip], &Query::default()).await?;
            shell.done(&format!("Lifted the ban of {ip}."))
        }
    }
}
