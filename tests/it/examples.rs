//! Replays the example messages of proto-docs, byte for byte, as proto-docs/README.md says they work.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::recordings::wav;
use crate::world::http::{Answer, Headers, exchange, request};
use crate::world::{
    Customer, DAWN, FEE, NUMBER_STATUS, Operator, Reaction, Receiver, SMS, SMS_CONTROL, STATUS, Switch,
    World, at,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proto-docs/examples")
}

macro_rules! replay {
    ($($name:ident)*) => {
        $(#[tokio::test] async fn $name() { Play::file(&stringify!($name).replace('_', "-")).await; })*
        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

replay! {
    auth_accepted auth_ban auth_refused ax_bind ax_modify_query ax_temporary_callee ax_unbind axb_bind axb_choice
    axb_errors axb_modify axb_query axb_unbind axe_bind_query axe_errors axyb_bind_query call_ax call_axb_answered
    call_axb_busy call_axb_direction_expiry call_axb_rejected call_axe call_axe_rejected call_axyb call_stop call_x
    notices number_status
    operator recording replays sms_ax sms_axb sms_x
}

#[test]
fn every_example_file_is_replayed() {
    let files: HashSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let replayed =
        REPLAYED.iter().map(|name| format!("{}.example", name.replace('_', "-"))).collect::<HashSet<_>>();
    assert_eq!(files, replayed);
}

/// One line of a file, with its number.
type Line = (usize, String);

/// A file as it is played.
struct Play {
    name: String,
    lines: VecDeque<Line>,
    world: World,
    /// Where the switch takes orders.
    control: Receiver,
    app: Option<Customer>,
    /// What stands for each `${name}` met so far.
    known: HashMap<String, String>,
    /// The answer to the last request.
    answer: Option<Answer>,
}

impl Play {
    async fn file(name: &str) {
        let text = std::fs::read_to_string(folder().join(format!("{name}.example"))).unwrap();
        let lines: VecDeque<Line> =
            (1..).zip(text.lines().map(str::to_owned)).filter(|(_, line)| !line.starts_with('#')).collect();
        let start = lines.iter().find_map(|(_, line)| line.strip_prefix("time ")).unwrap_or(DAWN);
        let control = Receiver::start().await;
        let more = format!("switch.control_url = \"http://{}\"", control.address);
        let world = World::begin(at(start), &more, tempfile::tempdir().unwrap()).await;
        let mut play =
            Self { name: name.into(), lines, world, control, app: None, known: HashMap::new(), answer: None };
        while let Some((number, line)) = play.lines.pop_front() {
            play.step(number, &line).await;
        }
        play.world.quiet().await;
        assert_eq!(play.world.receiver.left(), [], "{name}: pushes that the file does not show");
        assert_eq!(play.control.left(), [], "{name}: orders that the file does not show");
    }

    async fn step(&mut self, number: usize, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "app" => self.make_app(rest).await,
            "number" => self.give_number(rest).await,
            "time" => self.world.set_time(at(rest)).await,
            ">>>" | "switch>>>" | "operator>>>" => self.ask(word, rest).await,
            "<<<" | "switch<<<" | "operator<<<" => self.compare_answer(number, rest),
            "push>>>" => self.compare_push(number, rest).await,
            "control>>>" => self.expect_order(rest).await,
            "control" => self.answer_orders(rest),
            "reply" => self.answer_questions(number, rest),
            _ => panic!("{}:{number}: what is {line:?}?", self.name),
        }
    }

    fn app(&self) -> &Customer {
        self.app.as_ref().expect("the file makes an app first")
    }

    async fn make_app(&mut self, words: &str) {
        let (mode, members) = words.split_once(' ').unwrap_or((words, ""));
        let mut body = Map::new();
        for (name, value) in members.split(' ').filter_map(|member| member.split_once('=')) {
            if (name, value) == ("callbacks", "none") {
                for url in ["callStatusUrl", "cdrUrl", "numberStatusUrl"] {
                    body.insert(url.into(), Value::Null);
                }
                continue;
            }
            let value = match value {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                text => text.parse::<u32>().map_or_else(|_| Value::String(text.into()), Value::from),
            };
            body.insert(name.into(), value);
        }
        body.entry("pushNumberStatus").or_insert(Value::Bool(false));
        if body.contains_key("sms") {
            body.insert("smsNotifyUrl".into(), self.world.receiver.url(SMS).into());
            body.insert("smsControlUrl".into(), self.world.receiver.url(SMS_CONTROL).into());
        }
        let app = self.world.app(mode, &Value::Object(body)).await;
        self.known.insert("appKey".into(), app.key.clone());
        self.app = Some(app);
    }

    async fn give_number(&self, words: &str) {
        let (x, area) = words.split_once(" area=").expect("number +86... area=...");
        match area.strip_suffix(" sms=true") {
            Some("0755") => self.world.sms_number(self.app(), x).await,
            Some(area) => panic!("numbers with SMS are in 0755, not in {area}"),
            None => self.world.number_in(self.app(), x, area).await,
        }
    }

    async fn ask(&mut self, word: &str, line: &str) {
        let (method, target) = line.split_once(' ').expect("METHOD TARGET");
        let (mut headers, address) = match word {
            ">>>" => (self.app().signed(), self.app().gateway()),
            "switch>>>" => (Switch::headers(), self.world.switch().address()),
            _ => (Operator::headers(), self.world.operator().address()),
        };
        let target = self.filled_in(target);
        let mut body = String::new();
        while let Some((_, line)) = self.lines.pop_front().filter(|(_, line)| !line.is_empty()) {
            match header_line(&line).filter(|_| body.is_empty()) {
                Some((name, value)) => replace(&mut headers, name, self.filled_in(value)),
                None => body = self.filled_in(&line),
            }
        }
        let body =
            body.strip_prefix("@wav ").map_or_else(|| body.clone().into(), |secs| wav(secs.parse().unwrap()));
        self.answer = Some(exchange(address, request(method, &target, &headers, &body)).await);
    }

    async fn expect_order(&self, order: &str) {
        let (method, path) = order.split_once(' ').expect("POST /calls/...");
        assert_eq!(self.control.next(path).await.method, method);
    }

    fn answer_orders(&self, words: &str) {
        let (path, status) = words.split_once(' ').expect("control /calls/... STATUS");
        self.control.react(path, Reaction::Answer(status.parse().unwrap(), ""));
    }

    fn answer_questions(&self, number: usize, words: &str) {
        let (kind, body) = words.split_once(' ').expect("reply callStatus {...}");
        self.world.receiver.react(self.path_of(number, kind), Reaction::Decide(body.into()));
    }

    /// The path of the receiver to which this kind of push goes.
    fn path_of(&self, number: usize, kind: &str) -> &'static str {
        match kind {
            "callStatus" => STATUS,
            "cdr" => FEE,
            "numberStatus" => NUMBER_STATUS,
            "sms" => SMS,
            "smsControl" => SMS_CONTROL,
            _ => panic!("{}:{number}: no push is called {kind:?}", self.name),
        }
    }

    fn compare_answer(&mut self, number: usize, status: &str) {
        let answer = self.answer.take().expect("an answer follows a request");
        let place = format!("{}:{number}", self.name);
        assert_eq!(answer.status.to_string(), status, "{place}: {}", answer.text());
        while let Some((_, expected)) = self.lines.pop_front().filter(|(_, line)| !line.is_empty()) {
            match header_line(&expected) {
                Some((name, value)) => {
                    let sent = answer.header(name).unwrap_or_else(|| panic!("{place}: no {name}"));
                    self.compare(&place, value, sent);
                }
                None => self.compare(&place, &expected, &answer.text()),
            }
        }
    }

    async fn compare_push(&mut self, number: usize, kind: &str) {
        let push = self.world.receiver.next(self.path_of(number, kind)).await;
        let (number, expected) = self.lines.pop_front().expect("a push has a body");
        self.compare(&format!("{}:{number}", self.name), &expected, &push.body);
    }

    /// Compares, and learns what `${name}` stands for where it is met first.
    fn compare(&mut self, place: &str, expected: &str, sent: &str) {
        let mut rest = sent;
        let mismatch = || panic!("{place}\nexpected {expected}\n     got {sent}");
        for piece in pieces(expected) {
            let text = match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Name(name) => {
                    let here = rest.split('"').next().unwrap_or_default();
                    let known = self.known.entry(name.into()).or_insert_with(|| here.into());
                    assert!(!known.is_empty(), "{place}: nothing stands for {name} in {sent}");
                    known.clone()
                }
            };
            rest = rest.strip_prefix(&text).unwrap_or_else(mismatch);
        }
        assert!(rest.is_empty(), "{place}\nexpected {expected}\n     got {sent}");
    }

    fn filled_in(&self, text: &str) -> String {
        let fill = |piece| match piece {
            Piece::Text(text) => text,
            Piece::Name(name) => {
                self.known.get(name).unwrap_or_else(|| panic!("{}: {name} is not known yet", self.name))
            }
        };
        pieces(text).into_iter().map(fill).collect()
    }
}

enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// Plain text and `${name}`s in turn.
fn pieces(mut text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let Some((before, name, after)) = text
        .split_once("${")
        .and_then(|(before, rest)| rest.split_once('}').map(|(name, after)| (before, name, after)))
    {
        pieces.extend([Piece::Text(before), Piece::Name(name)]);
        text = after;
    }
    pieces.push(Piece::Text(text));
    pieces
}

fn header_line(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!name.is_empty() && name.chars().all(plain)).then_some((name, value.trim()))
}

/// A header of the file replaces the one the test would send; an empty value takes it away.
fn replace(headers: &mut Headers, name: &str, value: String) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    if !value.is_empty() {
        headers.push((name.into(), value));
    }
}
