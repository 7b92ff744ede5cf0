//! Call stop: the app ends a call of its own (customer-api 9).

use super::super::rejection::Rejection;
use super::success;
use crate::domain::customer::CustomerApp;
use crate::engine::{CallNotStopped, Engine};
use crate::http::Reply;
use crate::wire::customer::call_stop;
use crate::wire::fields::Fields;
use crate::wire::result_code::ResultCode;

pub(super) async fn stop(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let session = call_stop(fields)?;
    match engine.stop_call(Some(app.no), &session, None).await {
        Ok(()) => Ok(success()),
        // Unknown, somebody else's, or over: nobody learns which.
        Err(CallNotStopped::NotThere) => Err(ResultCode::SessionInvalid.into()),
        Err(CallNotStopped::Switch(_)) => Err(ResultCode::InternalError.into()),
        Err(CallNotStopped::Unserved(why)) => Err(why.into()),
    }
}
