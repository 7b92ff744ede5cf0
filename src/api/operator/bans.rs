//! Bans of the customer listener: list and lift.

use ipnet::IpNet;

use super::{Asked, Fault, OPERATOR, OperatorApi};
use crate::api::json;
use crate::domain::ban::Ban;
use crate::domain::time::Timestamp;
use crate::http::Reply;
use crate::wire::operator::Listed;
use crate::wire::operator::params::cursor;
use crate::wire::operator::record::{BanAnswer, client_address};

/// The list that a cursor belongs to.
const BANS: &str = "bans";

impl OperatorApi {
    /// The newest first: all bans last equally long, so that is the one which ends last.
    pub(super) fn list_bans(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let limit = asked.params.limit()?;
        let after = asked.params.cursor(BANS, position)?;
        asked.params.finish()?;
        let mut bans = self.admission.bans(self.engine.shared().clock.now());
        bans.retain(|ban| after.is_none_or(|after| place(ban) < after));
        bans.sort_unstable_by_key(|ban| std::cmp::Reverse(place(ban)));
        let more = bans.len() > limit;
        bans.truncate(limit);
        let position = |ban: &Ban| cursor(BANS, format!("{} {}", ban.until.millis(), ban.client));
        let next_cursor = bans.last().filter(|_| more).map(position);
        Ok(json(200, &Listed { items: bans.iter().map(BanAnswer::of).collect(), next_cursor }))
    }

    pub(super) async fn lift_ban(&self, ip: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let not_banned = || Fault::new(404, "ban_not_found", "this address is not banned");
        let ip = client_address(ip).ok_or_else(not_banned)?;
        if !self.admission.is_banned(ip, self.engine.shared().clock.now()) {
            return Err(not_banned());
        }
        // On record before it counts: should the gateway die in between, the ban dies with it.
        self.engine.note_order(OPERATOR, "ban.lift", ip.to_string()).await?;
        self.admission.lift_ban(ip);
        Ok(Reply::empty(hyper::StatusCode::NO_CONTENT))
    }
}

fn place(ban: &Ban) -> (Timestamp, IpNet) {
    (ban.until, ban.client)
}

fn position(text: &str) -> Option<(Timestamp, IpNet)> {
    let (until, client) = text.split_once(' ')?;
    Some((Timestamp::from_millis(until.parse().ok()?), client.parse().ok()?))
}
