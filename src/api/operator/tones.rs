//! Tone files of an app: upload, list, show, hear, approve, reject, remove.

use bytes::Bytes;
use hyper::StatusCode;

use super::{Asked, Fault, OPERATOR, OperatorApi};
use crate::api::{WAV, json};
use crate::domain::id::AppNo;
use crate::domain::tone::{TONE_BYTES_MAX, Tone, ToneName, check_wav};
use crate::engine::job::{SettingChange, SettingFault};
use crate::engine::tones::ToneChange;
use crate::http::Reply;
use crate::wire::operator::params::cursor;
use crate::wire::operator::tone::ToneAnswer;
use crate::wire::operator::{Listed, Unusable};

/// The list that a cursor belongs to.
const TONES: &str = "tones";

impl OperatorApi {
    /// The file takes the place of the one with its name; it has to be approved before it counts.
    pub(super) async fn upload_tone(&self, key: &str, name: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let app = self.app(key)?.no;
        let why = "the name must be 1 to 128 letters, digits and -_.@";
        let name = ToneName::new(name).ok_or_else(|| Unusable::field("name", why))?;
        if asked.body.len() > TONE_BYTES_MAX {
            return Err(Fault::new(413, "too_large", "a tone file may have at most 2097152 bytes"));
        }
        check_wav(&asked.body).map_err(|fault| Unusable::whole(format!("the file {fault}")))?;
        let tone = Tone::uploaded(app, name.clone(), &asked.body, self.engine.shared().clock.now());
        self.change_tone(ToneChange::Put(tone, asked.body.as_ref().into())).await?;
        self.shown_tone(app, name.as_str())
    }

    /// In the order of names.
    pub(super) fn list_tones(&self, key: &str, mut asked: Asked) -> Result<Reply, Fault> {
        let limit = asked.params.limit()?;
        let after = asked.params.cursor(TONES, ToneName::new)?;
        asked.params.finish()?;
        let tones = self.engine.shared().registry.tones.of(self.app(key)?.no);
        let mut found = tones.values().filter(|tone| after.as_ref().is_none_or(|after| tone.name > *after));
        let shown: Vec<_> = found.by_ref().take(limit).collect();
        let more = found.next().is_some();
        let next_cursor = shown.last().filter(|_| more).map(|last| cursor(TONES, &last.name));
        Ok(json(200, &Listed { items: shown.into_iter().map(ToneAnswer::of).collect(), next_cursor }))
    }

    pub(super) fn show_tone(&self, key: &str, name: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        self.shown_tone(self.app(key)?.no, name)
    }

    /// The file as it was uploaded, whatever was decided about it.
    pub(super) async fn tone_content(&self, key: &str, name: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let app = self.app(key)?.no;
        let name = self.tone(app, name)?.name;
        let content = self.engine.query(move |store| store.tone_content(app, name.as_str())).await?;
        let content = content.ok_or(SettingFault::ToneNotFound)?;
        Ok(Reply::new(StatusCode::OK, WAV, Bytes::from_owner(content)))
    }

    pub(super) async fn decide_tone(
        &self,
        key: &str,
        name: &str,
        approved: bool,
        asked: Asked,
    ) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let app = self.app(key)?.no;
        let name = self.tone(app, name)?.name;
        self.change_tone(ToneChange::Decide { app, name: name.clone(), approved }).await?;
        self.shown_tone(app, name.as_str())
    }

    pub(super) async fn remove_tone(&self, key: &str, name: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let app = self.app(key)?.no;
        self.change_tone(ToneChange::Remove(app, self.tone(app, name)?.name)).await?;
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    async fn change_tone(&self, change: ToneChange) -> Result<(), Fault> {
        self.engine.change(OPERATOR, SettingChange::Tone(change)).await??;
        Ok(())
    }

    fn tone(&self, app: AppNo, name: &str) -> Result<Tone, Fault> {
        Ok(self.engine.shared().registry.tones.get(app, name).ok_or(SettingFault::ToneNotFound)?)
    }

    fn shown_tone(&self, app: AppNo, name: &str) -> Result<Reply, Fault> {
        Ok(json(200, &ToneAnswer::of(&self.tone(app, name)?)))
    }
}
