//! Recordings: what the switch says about one, and the file itself, sent or named by its path.

use percent_encoding::percent_decode_str;
use tokio::time::timeout;

use super::{Fault, SwitchApi, counted};
use crate::api::json;
use crate::domain::call::CallId;
use crate::domain::time::Timestamp;
use crate::engine::job::{RecordingFate, ReportCount};
use crate::engine::{Kept, NotKept, Upload};
use crate::http::{Reply, Request};
use crate::recording::NotTaken;
use crate::wire::switch::{RecordingAnswer, RecordingReport, ReportAnswer, recording, recording_start};

const ACCEPTED: ReportCount = ReportCount { accepted: 1, duplicates: 0, parked: 0 };
const DUPLICATE: ReportCount = ReportCount { accepted: 0, duplicates: 1, parked: 0 };
const PARKED: ReportCount = ReportCount { accepted: 0, duplicates: 0, parked: 1 };

impl SwitchApi {
    /// `POST /switch/v1/recordings`.
    pub(super) async fn recordings(&self, body: &[u8]) -> Result<Reply, Fault> {
        let Some((call, report)) = recording(body, self.engine.shared().clock.now()) else {
            return Ok(counted(PARKED));
        };
        let fate = match report {
            RecordingReport::TooShort => return Ok(counted(ACCEPTED)),
            RecordingReport::At { path, started_at } => {
                return match self.take_over(&call, &path, started_at).await {
                    Err(NotKept::UnknownCall) => Ok(counted(PARKED)),
                    kept => self.kept(kept),
                };
            }
            RecordingReport::Elsewhere(recording) => self.engine.record_elsewhere(call, recording).await?,
            RecordingReport::Awaited { started_at } => self.engine.await_recording(call, started_at).await?,
        };
        Ok(counted(match fate {
            RecordingFate::Accepted(..) => ACCEPTED,
            RecordingFate::Duplicate => DUPLICATE,
            RecordingFate::UnknownCall => PARKED,
        }))
    }

    /// `PUT /switch/v1/recordings/{callId}`: the file is the body.
    pub(super) async fn put_recording(&self, call: &str, request: &mut Request) -> Result<Reply, Fault> {
        let call = percent_decode_str(call).decode_utf8().ok().and_then(|call| CallId::new(&call));
        let call = call.ok_or(Fault::UnusableCallId)?;
        let bytes_max = self.engine.recordings().bytes_max();
        if request.announced_bytes() > bytes_max {
            return self.kept(Err(NotTaken::TooLarge(bytes_max).into()));
        }
        let upload = match self.engine.begin_upload(&call).await {
            Ok(Some(upload)) => upload,
            Ok(None) => return self.kept(Ok(Kept::Duplicate)),
            Err(why) => return self.kept(Err(why)),
        };
        let started_at = recording_start(request.query());
        let received = timeout(self.engine.recordings().upload_max(), receive(upload, request)).await;
        let upload = match received.map_err(|_elapsed| Fault::TooSlow)?? {
            Ok(upload) => upload,
            Err(why) => return self.kept(Err(why.into())),
        };
        self.kept(self.engine.finish_upload(upload, started_at).await)
    }

    async fn take_over(
        &self,
        call: &CallId,
        path: &str,
        started_at: Option<Timestamp>,
    ) -> Result<Kept, NotKept> {
        let Some(mut upload) = self.engine.begin_upload(call).await? else { return Ok(Kept::Duplicate) };
        let source = self.engine.recordings().import(path).await?;
        upload.intake.take_over(source).await?;
        self.engine.finish_upload(upload, started_at).await
    }

    /// The answer to a recording that was sent or named.
    fn kept(&self, kept: Result<Kept, NotKept>) -> Result<Reply, Fault> {
        let (count, object) = match kept {
            Ok(Kept::As(object)) => (ACCEPTED, object),
            Ok(Kept::TooShort) => (ACCEPTED, String::new()),
            Ok(Kept::Duplicate) => (DUPLICATE, String::new()),
            Err(why) => {
                self.engine.shared().metrics.recordings.with_label_values(&["refused"]).inc();
                return Err(Fault::Recording(why));
            }
        };
        let ReportCount { accepted, duplicates, parked } = count;
        let counted = ReportAnswer { accepted, duplicates, parked };
        Ok(json(200, &RecordingAnswer { counted, object: &object }))
    }
}

/// Takes the body in. The outer error is about the request, the inner about the recording.
async fn receive(mut upload: Upload, request: &mut Request) -> Result<Result<Upload, NotTaken>, Fault> {
    while let Some(piece) = request.read_piece().await? {
        if let Err(why) = upload.intake.write(&piece).await {
            return Ok(Err(why));
        }
    }
    Ok(Ok(upload))
}

/// Status, code and text of a recording that was not taken in.
pub(super) fn fault(why: &NotKept) -> (u16, &'static str, String) {
    let (status, code) = match why {
        NotKept::UnknownCall => (404, "call_not_found"),
        NotKept::NoTurn(crate::recording::NoTurn::UnderWay) => (409, "under_way"),
        NotKept::NotImported(_) => (400, "invalid_path"),
        NotKept::NotTaken(NotTaken::TooLarge(_)) => (413, "too_large"),
        NotKept::NotTaken(NotTaken::NotWav(_)) => (400, "invalid_recording"),
        NotKept::NoTurn(_)
        | NotKept::NotTaken(NotTaken::Disk(_))
        | NotKept::Storage(_)
        | NotKept::Unserved(_) => (503, "unavailable"),
    };
    (status, code, why.to_string())
}
