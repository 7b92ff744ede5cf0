//! The real binary, for what only a process can show: `kill -9`, signals.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use super::{Addresses, Operator, Switch};

/// `privnum serve` on the configuration `privnum.toml` in a folder. Killed when dropped.
pub struct Process {
    child: Child,
    pub addresses: Addresses,
    log: mpsc::Receiver<String>,
}

impl Process {
    /// Returns when every listener answers.
    pub fn serve(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_privnum"))
            .args(["serve", "--config"])
            .arg(dir.join("privnum.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = |name: &str| {
            let rest = line.split(name).nth(1).unwrap_or_else(|| panic!("{line:?}"));
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        let addresses = Addresses::new(["customer=", "switch=", "operator="].map(address));
        // Read as it comes: a pipe that nobody empties would stop the process once it is full.
        let (lines, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Self { child, addresses, log }
    }

    pub fn operator(&self) -> Operator {
        Operator(self.addresses.clone())
    }

    pub fn switch(&self) -> Switch {
        Switch(self.addresses.clone())
    }

    /// Sends a signal by its name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Reads the log up to a line that holds `text`.
    pub fn wait_for_log(&mut self, text: &str) {
        let found = self.log.iter().any(|line| line.contains(text));
        assert!(found, "the process ended without logging {text:?}");
    }

    /// Waits until it has ended by itself.
    pub fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
