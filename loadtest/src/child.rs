//! A server in a process of its own: the real one, or the bare ceiling. It ends with this value.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use privnum::clock::Stopwatch;

use crate::Failed;
use crate::scene::Scene;

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Its customer listener.
    pub customer: SocketAddr,
    /// Its switch listener.
    pub switch: SocketAddr,
    /// From the start of the process to its `ready` line.
    pub ready_after: Duration,
}

impl Server {
    /// Starts the real server on a scene.
    pub fn real(binary: &Path, scene: &Scene) -> Result<Self, Failed> {
        Self::start(Command::new(binary).args(["serve", "--config"]).arg(scene.config()))
    }

    /// Starts the bare ceiling with the same configuration.
    pub fn ceiling(scene: &Scene) -> Result<Self, Failed> {
        Self::start(Command::new(env::current_exe()?).args(["ceiling", "--config"]).arg(scene.config()))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn start(command: &mut Command) -> Result<Self, Failed> {
        let stopwatch = Stopwatch::start();
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("the server has no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let ready_after = stopwatch.elapsed();
        let (customer, switch) = (address(&line, "customer"), address(&line, "switch"));
        let (Some(customer), Some(switch)) = (customer, switch) else {
            drop(process.kill());
            drop(process.wait());
            return Err(format!("the server did not become ready: {line:?}").into());
        };
        Ok(Self { process, customer, switch, ready_after })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The address of one listener in the `ready` line.
fn address(line: &str, listener: &str) -> Option<SocketAddr> {
    let line = line.strip_prefix("ready ")?;
    let mut pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == listener)?.1.parse().ok()
}

/// The binary to measure: the one that was named, or the one of this workspace, built as this one was.
pub fn binary(named: Option<&Path>) -> Result<PathBuf, Failed> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let folder = own_folder()?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "privnum", "--bin", "privnum", "--manifest-path", manifest]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    if let Some(target) = folder.parent() {
        build.arg("--target-dir").arg(target);
    }
    if !build.status()?.success() {
        return Err("the server does not build".into());
    }
    Ok(folder.join("privnum"))
}

/// Where this binary lies: inside cargo's target folder.
pub fn own_folder() -> Result<PathBuf, Failed> {
    Ok(env::current_exe()?.parent().ok_or("this binary lies nowhere")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_listeners() {
        let line = "ready customer=127.0.0.1:4001 switch=127.0.0.1:4002 operator=127.0.0.1:4003\n";
        assert_eq!(address(line, "switch"), Some("127.0.0.1:4002".parse().unwrap()));
        assert_eq!(address(line, "nobody"), None);
        assert_eq!(address("cannot listen on customer=127.0.0.1:4001", "customer"), None);
    }
}
