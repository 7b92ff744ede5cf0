//! Apps: create, list, show, change, suspend, resume, freeze, unfreeze, rotate the secret.

use std::sync::Arc;

use super::{Asked, Fault, OPERATOR, OperatorApi};
use crate::api::json;
use crate::domain::customer::{CallbackTls, CustomerApp};
use crate::domain::id::AppKey;
use crate::domain::setting::{AppChange, AppSetting};
use crate::engine::job::SettingChange;
use crate::engine::{TestPush, TlsSettingFault, check_callback_tls, random};
use crate::http::Reply;
use crate::wire::operator::app::{AppAnswer, Drawn, Rotated, app_patch, keep_old_secret, new_app};
use crate::wire::operator::members::Members;
use crate::wire::operator::params::cursor;
use crate::wire::operator::record::{TestPushAnswer, TestedAnswer};
use crate::wire::operator::{Listed, Unusable};

/// The list that a cursor belongs to.
const APPS: &str = "apps";

impl OperatorApi {
    pub(super) async fn create_app(&self, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let drawn = Drawn { key: random::app_key(), secret: random::app_secret() };
        let now = self.engine.shared().clock.now();
        let app = new_app(&asked.body, drawn, now)?;
        check_tls(&app.callback_tls.as_deref().cloned().unwrap_or_default())?;
        self.engine.change(OPERATOR, SettingChange::CreateApp(Box::new(app.clone()))).await??;
        Ok(json(201, &AppAnswer::of(&app, now).with_secret(&app)))
    }

    /// In the order of keys.
    pub(super) fn list_apps(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let limit = asked.params.limit()?;
        let after = asked.params.cursor(APPS, AppKey::new)?;
        asked.params.finish()?;
        let mut apps = self.engine.shared().registry.customers.all();
        apps.retain(|app| after.as_ref().is_none_or(|after| app.key > *after));
        apps.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let more = apps.len() > limit;
        apps.truncate(limit);
        let next_cursor = apps.last().filter(|_| more).map(|last| cursor(APPS, &last.key));
        let now = self.engine.shared().clock.now();
        let items: Vec<_> = apps.iter().map(|app| AppAnswer::of(app, now)).collect();
        Ok(json(200, &Listed { items, next_cursor }))
    }

    pub(super) fn show_app(&self, key: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        Ok(self.shown(&*self.app(key)?))
    }

    pub(super) async fn change_app(&self, key: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let app = self.app(key)?;
        let settings = app_patch(&asked.body, app.mode)?;
        check_tls(&tls_of(&settings))?;
        let change = AppChange::Set(settings);
        Ok(self.shown(&*self.engine.change_app(OPERATOR, app.no, change).await?))
    }

    /// A change that says everything in its path: suspend, resume, freeze, unfreeze.
    pub(super) async fn switch_app(
        &self,
        key: &str,
        change: AppChange,
        asked: Asked,
    ) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let app = self.app(key)?;
        Ok(self.shown(&*self.engine.change_app(OPERATOR, app.no, change).await?))
    }

    pub(super) async fn rotate_secret(&self, key: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let app = self.app(key)?;
        let keep_old = keep_old_secret(&asked.body)?;
        let secret = crate::domain::customer::AppSecret::new(&random::app_secret());
        let change = AppChange::RotateSecret { secret, keep_old };
        let app = self.engine.change_app(OPERATOR, app.no, change).await?;
        Ok(json(200, &Rotated::of(&app)))
    }

    /// A test push to every URL of the app, all at once; answered when all have ended.
    pub(super) async fn test_callback(&self, key: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        Members::of_optional_body(&asked.body)?.finish()?;
        let made = self.engine.test_callbacks(OPERATOR, &self.app(key)?).await?;
        let shown = |push: TestPush| TestPushAnswer {
            setting: push.notice.setting,
            kind: push.notice.kind,
            attempt: push.attempt.into(),
        };
        Ok(json(200, &TestedAnswer { items: made.into_iter().map(shown).collect() }))
    }

    /// The app with this key.
    pub(super) fn app(&self, key: &str) -> Result<Arc<CustomerApp>, Fault> {
        self.engine.shared().registry.customers.by_key(key).ok_or_else(Fault::app_not_found)
    }

    fn shown(&self, app: &CustomerApp) -> Reply {
        json(200, &AppAnswer::of(app, self.engine.shared().clock.now()))
    }
}

/// What a patch says about TLS, without what it leaves as it is.
fn tls_of(settings: &[AppSetting]) -> CallbackTls {
    let mut tls = CallbackTls::default();
    for setting in settings {
        if let AppSetting::CallbackCa(ca) = setting {
            tls.ca.clone_from(ca);
        }
        if let AppSetting::ClientCertificate(client) = setting {
            tls.client.clone_from(client);
        }
    }
    tls
}

/// What is in PEM texts is judged by what will use them.
fn check_tls(tls: &CallbackTls) -> Result<(), Unusable> {
    check_callback_tls(tls).map_err(|fault| {
        let member = match fault {
            TlsSettingFault::Authority(_) => "callbackCa",
            TlsSettingFault::ClientCertificate(_) => "callbackClientCert",
        };
        Unusable::field(member, format!("{member} cannot be used: {fault}"))
    })
}
