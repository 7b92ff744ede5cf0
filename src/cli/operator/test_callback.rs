//! `privnum app test-callback`: what an app's URLs answer to a test push.

use serde::Deserialize;

use super::Shell;
use super::delivery::Attempt;
use super::fault::Fault;

#[derive(Debug, Deserialize)]
struct Tested {
    items: Vec<Push>,
}

#[derive(Debug, Deserialize)]
struct Push {
    setting: String,
    #[serde(flatten)]
    attempt: Attempt,
}

/// Has every URL of the app tried and tells what each answered.
pub(super) async fn run(shell: &mut Shell, app_key: &str) -> Result<(), Fault> {
    let answer = shell.client.order(&["apps", app_key, "testCallback"]).await?;
    if shell.out.is_json() {
        return shell.out.raw(answer.text());
    }
    let tested: Tested = shell.client.read(&answer)?;
    for push in &tested.items {
        shell.out.details(&push.attempt.details(&format!("Test of {}", push.setting)))?;
        shell.out.line("")?;
    }
    let failed = tested.items.iter().filter(|push| push.attempt.failure.is_some()).count();
    match (tested.items.len(), failed) {
        (0, _) => shell.out.line("The app has no URL to push to."),
        (all, 0) => shell.out.line(&format!("All {all} took the test notice.")),
        (all, failed) => shell.out.line(&format!("{failed} of {all} did not take the test notice.")),
    }
}
