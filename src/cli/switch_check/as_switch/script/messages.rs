//! Short messages: which go on and to whom, what the application is asked, what came of them.

use serde_json::json;

use super::super::super::report::Verdict;
use super::super::checks as c;
use super::super::judge::{Heard, Wanted, body_of, judge, judge_own_decision, judge_question, judge_repeat};
use super::super::mode::{Bound, HELLO, Mode, dropped};
use super::super::receiver::Receiver;
use super::{MESSAGES, STRANGER, Script, counted};

/// sendResult of a message whose app, X or binding carries none.
const NO_MESSAGES: [u8; 2] = [4, 11];

impl Script {
    /// Returns the smsIdentifier of the message that was sent on.
    pub(super) async fn messages(&mut self, mode: Mode, bound: &Bound) -> Option<String> {
        if !mode.has_messages() {
            let heard = self.write("none", &self.cast.a, &bound.x, HELLO).await;
            self.check(&c::MESSAGE_NONE, &heard, &dropped(4));
            return None;
        }
        let (sender, text, heard) = self.first_message(mode, bound).await?;
        let again = self.write("main", &sender, &bound.x, &text).await;
        self.report.add(judge_repeat(&c::MESSAGE_REPEAT, &heard, &again));
        if mode == Mode::Axb {
            let heard = self.write("stranger", STRANGER, &bound.x, HELLO).await;
            self.check(&c::MESSAGE_STRANGER, &heard, &dropped(2));
        }
        if mode == Mode::Ax {
            self.addressed(bound).await;
        }
        self.app_decides(mode, bound).await;
        let identifier = heard.ok()?.body["smsIdentifier"].as_str()?.to_owned();
        self.results(&identifier).await;
        let over = self.write("main", &sender, &bound.x, &text).await;
        self.check(&c::MESSAGE_OVER, &over, &Wanted::status(200).with("action", "discard"));
        Some(identifier)
    }

    /// A message that comes in.
    pub(super) async fn write(&self, name: &str, sender: &str, x: &str, text: &str) -> Heard {
        let message = json!({"messageId": self.call_id(name), "sender": sender, "x": x, "text": text});
        self.tell(MESSAGES, &message).await
    }

    /// The message that is sent on: its sender, its text, and the decision. `None` = there are no messages, or an app that
    /// decides for itself has decided otherwise.
    async fn first_message(&mut self, mode: Mode, bound: &Bound) -> Option<(String, String, Heard)> {
        let letter = mode.letter(&self.cast);
        let (sender, text) =
            letter.as_ref().map_or((&*self.cast.a, HELLO), |letter| (letter.sender, &*letter.text));
        let (sender, text) = (sender.to_owned(), text.to_owned());
        let (to, sent) = letter.map_or((None, HELLO.to_owned()), |letter| (Some(letter.to), letter.sent));
        // In X mode the app decides; if we are the app, for B.
        let to = to.or(self.receiver.as_ref().map(|_| &*self.cast.b)).map(str::to_owned);
        self.app_forwards();
        let heard = self.write("main", &sender, &bound.x, &text).await;
        let body = body_of(&heard);
        if NO_MESSAGES.iter().any(|result| body["sendResult"] == *result) {
            let reason = body["reason"].as_str().unwrap_or("the app has no short messages");
            self.report.add(c::MESSAGE.not_checked(reason));
            return None;
        }
        let wanted = sent_on(&bound.x, &sent);
        let finding = match to {
            Some(to) => judge(&c::MESSAGE, &heard, &wanted.with("to", to)),
            None => judge_own_decision(&c::MESSAGE, &heard, &wanted.filled("to")),
        };
        let is_sent = finding.verdict == Verdict::Ok;
        self.report.add(finding);
        is_sent.then_some((sender, text, heard))
    }

    /// From now on the app, if it is us, sends messages on to B.
    fn app_forwards(&self) {
        if let Some(receiver) = &self.receiver {
            let message = json!({"called": self.cast.b});
            receiver.answer(json!({"actions": [{"operation": "vNumberRoute", "message": message}]}));
        }
    }

    /// AX: a message of A that says itself where it goes.
    async fn addressed(&mut self, bound: &Bound) {
        let text = format!("{HELLO}@{}", self.cast.b);
        let heard = self.write("addressed", &self.cast.a, &bound.x, &text).await;
        let wanted = sent_on(&bound.x, HELLO).with("to", self.cast.b.as_str());
        self.check(&c::MESSAGE_ADDRESSED, &heard, &wanted);
    }

    /// AX and X: messages that only the app can decide.
    async fn app_decides(&mut self, mode: Mode, bound: &Bound) {
        if mode == Mode::Axb {
            return;
        }
        let Some(receiver) = self.receiver.clone() else {
            for check in [&c::MESSAGE_QUESTION, &c::MESSAGE_OBEYED] {
                self.report.add(check.not_checked("no --receiver was given"));
            }
            return;
        };
        drop(receiver.take());
        let wanted = sent_on(&bound.x, HELLO).with("to", self.cast.b.as_str());
        let heard = self.ask_about(&receiver, "asked", bound).await;
        self.check(&c::MESSAGE_OBEYED, &heard, &wanted);
        receiver.answer(json!({"actions": [{"operation": "DiscardMessage"}]}));
        let heard = self.write("dropped", &self.cast.a, &bound.x, HELLO).await;
        self.check(&c::MESSAGE_OBEYED, &heard, &dropped(6));
    }

    /// Writes, and looks at what the app was asked.
    async fn ask_about(&mut self, receiver: &Receiver, name: &str, bound: &Bound) -> Heard {
        let heard = self.write(name, &self.cast.a, &bound.x, HELLO).await;
        let body = body_of(&heard);
        let wanted = [
            ("/smsEvent/smsIdentifier", body["smsIdentifier"].clone()),
            ("/smsEvent/calling", json!(self.cast.a)),
            ("/smsEvent/virtualNumber", json!(bound.x)),
        ];
        self.report.add(judge_question(&c::MESSAGE_QUESTION, &receiver.take(), &wanted));
        heard
    }

    async fn results(&mut self, identifier: &str) {
        // As text: that is all that some switches can write.
        let sent = json!({"sendResult": "0"});
        let path = format!("{MESSAGES}/{identifier}/result");
        for wanted in [counted(1, 0, 0), counted(0, 1, 0)] {
            let heard = self.tell(&path, &sent).await;
            self.check(&c::MESSAGE_RESULT, &heard, &wanted);
        }
        let path = format!("{MESSAGES}/{}/result", self.call_id("nobodys-message"));
        let heard = self.tell(&path, &sent).await;
        self.check(&c::MESSAGE_UNKNOWN, &heard, &counted(0, 0, 1));
    }
}

/// A message that goes on with this text, from X.
fn sent_on(x: &str, text: &str) -> Wanted {
    let wanted = Wanted::status(200).with("action", "forward").with("displayNum", x).with("text", text);
    wanted.filled("smsIdentifier")
}
