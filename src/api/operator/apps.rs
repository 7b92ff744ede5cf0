//! Apps: create, list, show, suspend, resume.

use std::sync::Arc;

use serde_json::json;

use super::{Fault, OperatorApi, read};
use crate::api::json as reply;
use crate::domain::customer::{AppSecret, CustomerApp, Mode};
use crate::domain::id::{AppKey, AppNo};
use crate::domain::whitelist::IpWhitelist;
use crate::engine::job::{SettingChange, SettingFault};
use crate::engine::random;
use crate::http::Reply;
use crate::wire::operator::{AppAnswer, NewApp};

impl OperatorApi {
    pub(super) async fn create_app(&self, body: &[u8]) -> Result<Reply, Fault> {
        let wanted: NewApp = read(body)?;
        let mode = Mode::from_str(&wanted.mode).ok_or(Fault::new(
            400,
            "mode_not_supported",
            "mode must be AX or AXB in this version",
        ))?;
        if let Some(member) = wanted.unusable_url() {
            return Err(Fault::new(400, "invalid_url", format!("{member} must be an http or https URL")));
        }
        let key = wanted.app_key.clone().unwrap_or_else(random::app_key);
        let secret = wanted.app_secret.clone().unwrap_or_else(random::app_secret);
        let app = CustomerApp {
            no: AppNo(0),
            key: AppKey::new(&key).ok_or(Fault::new(
                400,
                "invalid_app_key",
                "appKey must be 1 to 128 letters and digits",
            ))?,
            name: wanted.name.as_str().into(),
            mode,
            secret: AppSecret::new(&secret),
            previous_secret: None,
            ip_whitelist: IpWhitelist::parse(&wanted.ip_whitelist)
                .map_err(|error| Fault::new(400, "invalid_ip_whitelist", error.to_string()))?,
            recording: wanted.recording,
            sms: wanted.sms,
            urls: wanted.urls(),
            push_number_status: wanted.push_number_status,
            extension_digits: wanted.extension_digits.unwrap_or(4),
            flow_limit_per_second: wanted.flow_limit_per_second,
            suspended: false,
            signatures: wanted.signatures(),
            push_scheme: wanted.scheme(),
            accept_any_2xx: wanted.accept_any2xx,
            created_at: self.engine.shared().clock.now(),
        };
        match self.engine.change("operator", SettingChange::CreateApp(Box::new(app.clone()))).await? {
            Ok(_) => Ok(reply(201, &AppAnswer::of(&app, true))),
            Err(fault) => Err(fault.into()),
        }
    }

    pub(super) fn list_apps(&self) -> Reply {
        let apps = self.engine.shared().registry.customers.all();
        let items: Vec<_> = apps.iter().map(|app| AppAnswer::of(app, false)).collect();
        reply(200, &json!({ "items": items, "nextCursor": null }))
    }

    pub(super) fn show_app(&self, key: &str) -> Result<Reply, Fault> {
        Ok(reply(200, &AppAnswer::of(&*self.app(key)?, false)))
    }

    pub(super) async fn suspend_app(&self, key: &str, suspended: bool) -> Result<Reply, Fault> {
        let app = Arc::new(CustomerApp { suspended, ..CustomerApp::clone(&*self.app(key)?) });
        let action = if suspended { "app.suspend" } else { "app.resume" };
        let change = SettingChange::ChangeApp { app: Arc::clone(&app), action, what: String::new() };
        self.engine.change("operator", change).await?.map_err(Fault::from)?;
        Ok(reply(200, &AppAnswer::of(&app, false)))
    }

    pub(super) fn app(&self, key: &str) -> Result<Arc<CustomerApp>, Fault> {
        let app = self.engine.shared().registry.customers.by_key(key);
        app.ok_or(Fault::new(404, "app_not_found", "no app has this key"))
    }
}

impl From<SettingFault> for Fault {
    fn from(fault: SettingFault) -> Self {
        let (status, code) = match fault {
            SettingFault::AppExists => (409, "app_exists"),
            SettingFault::NumberExists => (409, "number_exists"),
            SettingFault::NumberNotFound => (404, "number_not_found"),
            SettingFault::NumberBound => (409, "number_bound"),
            SettingFault::Unchanged => (409, "unchanged"),
            SettingFault::InFlight => (409, "in_flight"),
        };
        Self::new(status, code, fault.to_string())
    }
}
