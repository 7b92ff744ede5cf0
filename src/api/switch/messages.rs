//! Short messages: what to do with one, and what came of it.

use super::{Fault, SwitchApi, counted};
use crate::api::json;
use crate::engine::Sending;
use crate::engine::job::{ReportCount, ResultFate};
use crate::http::Reply;
use crate::wire::switch::{MessageAnswer, message, message_result};

impl SwitchApi {
    /// `POST /switch/v1/messages`.
    pub(super) async fn message(&self, body: &[u8]) -> Result<Reply, Fault> {
        let Some(submitted) = message(body, self.engine.shared().clock.now()) else {
            return Ok(json(200, &MessageAnswer::senseless()));
        };
        let message = self.engine.relay(submitted).await?;
        Ok(json(200, &MessageAnswer::of(&message)))
    }

    /// `POST /switch/v1/messages/{smsIdentifier}/result`.
    pub(super) async fn message_result(&self, identifier: &str, body: &[u8]) -> Result<Reply, Fault> {
        let fate = match message_result(body) {
            None => ResultFate::Unknown,
            Some((result, segments)) => {
                let identifier = identifier.into();
                self.engine.message_sent(Sending { identifier, result, segments }).await?
            }
        };
        let mut count = ReportCount::default();
        *match fate {
            ResultFate::Accepted => &mut count.accepted,
            ResultFate::Duplicate => &mut count.duplicates,
            ResultFate::Unknown => &mut count.parked,
        } = 1;
        Ok(counted(count))
    }
}
