//! Changes of tone files, staged into a batch.

use super::draft::{Draft, Effect};
use super::job::{SettingFault, Who};
use super::ledger::Ledger;
use crate::domain::id::AppNo;
use crate::domain::time::Timestamp;
use crate::domain::tone::{TONES_PER_APP_MAX, Tone, ToneName};
use crate::store::Write;

/// What is asked to become of a tone file.
#[derive(Debug)]
pub enum ToneChange {
    /// It is new, or takes the place of the one with its name. The same file again changes nothing.
    Put(Tone, std::sync::Arc<[u8]>),
    /// It may be played, or may not.
    Decide {
        /// Whose.
        app: AppNo,
        /// Which.
        name: ToneName,
        /// Whether it may.
        approved: bool,
    },
    /// It is taken out. Bindings that name it stay as they are.
    Remove(AppNo, ToneName),
}

impl Ledger {
    /// Decides a change of a tone file.
    pub(super) fn stage_tone(
        &mut self,
        change: &ToneChange,
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<(), SettingFault> {
        let known = |app, name: &ToneName| self.shared.registry.tones.get(app, name.as_str());
        let (action, app, name) = match change {
            ToneChange::Put(tone, content) => {
                let (app, name) = (tone.app, &tone.name);
                match known(app, name) {
                    Some(old) if old.sha256 == tone.sha256 => return Ok(()),
                    None if self.shared.registry.tones.of(app).len() >= TONES_PER_APP_MAX => {
                        return Err(SettingFault::TooManyTones);
                    }
                    _ => {}
                }
                draft.write(Write::ToneUploaded(tone.clone(), content.clone()));
                draft.effects.push(Effect::PutTone(tone.clone()));
                ("tone.upload", app, name)
            }
            ToneChange::Decide { app, name, approved } => {
                let tone = known(*app, name).ok_or(SettingFault::ToneNotFound)?;
                let Some(decided) = tone.decided(*approved, now) else { return Ok(()) };
                draft.write(Write::ToneDecided(decided.clone()));
                draft.effects.push(Effect::PutTone(decided));
                (if *approved { "tone.approve" } else { "tone.reject" }, *app, name)
            }
            ToneChange::Remove(app, name) => {
                known(*app, name).ok_or(SettingFault::ToneNotFound)?;
                draft.write(Write::ToneRemoved(*app, name.clone()));
                draft.effects.push(Effect::RemoveTone(*app, name.clone()));
                ("tone.remove", *app, name)
            }
        };
        let app = self.shared.registry.customers.by_no(app).key.to_string();
        self.audit(who, action, app, name.to_string(), draft, now);
        Ok(())
    }
}
