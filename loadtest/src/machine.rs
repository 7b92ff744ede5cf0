//! What the kernel says about this machine and its processes, from /proc.

use std::fs;
use std::time::Duration;

use crate::Failed;

/// CPU time of everything so far.
#[derive(Clone, Copy, Debug)]
pub struct CpuTimes {
    /// Of the server.
    pub server: Duration,
    /// Of this process.
    pub client: Duration,
    /// Of all processes of the machine.
    pub all: Duration,
}

impl CpuTimes {
    /// Now, with the server's process id.
    pub fn now(server: u32) -> Result<Self, Failed> {
        Ok(Self { server: cpu_of(&server.to_string())?, client: cpu_of("self")?, all: cpu_of_all()? })
    }

    /// From `earlier` to this.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            server: self.server.saturating_sub(earlier.server),
            client: self.client.saturating_sub(earlier.client),
            all: self.all.saturating_sub(earlier.all),
        }
    }

    /// What neither the server nor this process used.
    pub fn others(self) -> Duration {
        self.all.saturating_sub(self.server).saturating_sub(self.client)
    }
}

/// Resident memory of a process in bytes.
pub fn resident_bytes(process: u32) -> Result<u64, Failed> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1_024)
}

/// One line about the machine.
pub fn description() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!("{cores} cores of {model}, load average {load} at the start")
}

/// User and system time. The second field, the name, may hold blanks and ends with the last parenthesis.
fn cpu_of(process: &str) -> Result<Duration, Failed> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no process name")?;
    let mut times = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
    let (user, system) = (times.next().ok_or("no utime")??, times.next().ok_or("no stime")??);
    Ok(ticks(user + system))
}

/// All but idle and waiting time.
fn cpu_of_all() -> Result<Duration, Failed> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).ok_or("no cpu line")?;
    let times = line.split_whitespace().map(str::parse::<u64>).collect::<Result<Vec<_>, _>>()?;
    let [user, nice, system, _idle, _waiting, hard, soft] = *times.first_chunk().ok_or("a short cpu line")?;
    Ok(ticks(user + nice + system + hard + soft))
}

fn ticks(count: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second();
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / per_second.max(1)))
}
