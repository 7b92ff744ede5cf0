//! The two files that say how names are looked up, read again when they change: `/etc/hosts` and
//! `/etc/resolv.conf`. A gateway outlives the network settings it was started with.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::TokioResolver;
use tokio::time::Instant;

use super::{NameSettings, upstream};

/// How a change of a file shows: its time and its length. `None`: there is no such file.
type Look = Option<(SystemTime, u64)>;

/// What the two files say now.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) hosts: Arc<Hosts>,
    /// One for each name server.
    pub(super) resolvers: Arc<[TokioResolver]>,
}

/// The files, and what they said when they were read last.
#[derive(Debug)]
pub(super) struct Files {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    /// Name servers given by the operator; when there are any, `resolv_conf` does not count.
    listed: Vec<SocketAddr>,
    budget: Duration,
    /// The files are looked at no more often than this.
    check_every: Duration,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    loaded: Loaded,
    looks: [Look; 2],
    checked_at: Instant,
}

impl Files {
    pub(super) fn read(settings: NameSettings) -> Self {
        let NameSettings { servers, budget, hosts, resolv_conf, check_files_every, .. } = settings;
        // Looked at before reading: a change in between is then seen at the next check.
        let looks = [look(&hosts), look(&resolv_conf)];
        let loaded = load(&hosts, &resolv_conf, &servers, budget);
        let current = Mutex::new(Current { loaded, looks, checked_at: Instant::now() });
        Self { hosts, resolv_conf, listed: servers, budget, check_every: check_files_every, current }
    }

    /// What the files say. Looking at them is two system calls; reading them is rare, and they are short.
    pub(super) fn current(&self, now: Instant) -> Loaded {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(current.checked_at) >= self.check_every {
            current.checked_at = now;
            let looks = [look(&self.hosts), look(&self.resolv_conf)];
            if looks != current.looks {
                current.looks = looks;
                current.loaded = load(&self.hosts, &self.resolv_conf, &self.listed, self.budget);
            }
        }
        current.loaded.clone()
    }
}

fn look(path: &Path) -> Look {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn load(hosts: &Path, resolv_conf: &Path, listed: &[SocketAddr], budget: Duration) -> Loaded {
    let text = |path| fs::read(path).unwrap_or_default();
    let servers = match listed {
        [] => upstream::servers_of_resolv_conf(&text(resolv_conf)),
        listed => listed.to_vec(),
    };
    Loaded {
        hosts: Arc::new(Hosts::parse(&String::from_utf8_lossy(&text(hosts)))),
        resolvers: upstream::resolvers(&servers, budget),
    }
}

/// The names of a hosts file. What stands there is not asked for anywhere else.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<Box<str>, Vec<IpAddr>>);

impl Hosts {
    /// Each line: an address, then names. Lines that are none are left out, as every system does.
    fn parse(text: &str) -> Self {
        let mut hosts = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let Some(Ok(ip)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                hosts.0.entry(name.into()).or_default().push(ip);
            }
        }
        hosts
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        self.0.get(name).map(|ips| ips.as_slice().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_gives_all_addresses_of_a_name_in_any_case_and_skips_what_it_cannot_read() {
        let hosts = Hosts::parse(
            "# remark\n127.0.0.1 localhost Receiver.Example # more\n\nnonsense here\n\
             ::1\tlocalhost\nfe80::1%eth0 zoned\n192.0.2.7 receiver.example. alias",
        );
        let ips = |texts: &[&str]| texts.iter().map(|ip| ip.parse().unwrap()).collect::<Arc<[IpAddr]>>();
        assert_eq!(hosts.find("localhost"), Some(ips(&["127.0.0.1", "::1"])));
        assert_eq!(hosts.find("receiver.example"), Some(ips(&["127.0.0.1", "192.0.2.7"])));
        assert_eq!(hosts.find("alias"), Some(ips(&["192.0.2.7"])));
        assert_eq!((hosts.find("here"), hosts.find("zoned"), hosts.find("more")), (None, None, None));
    }

    #[tokio::test]
    async fn files_that_change_are_read_again_and_no_sooner_than_they_may() {
        let dir = tempfile::tempdir().unwrap();
        let (hosts, resolv_conf) = (dir.path().join("hosts"), dir.path().join("resolv.conf"));
        let second = Duration::from_secs(1);
        let files = Files::read(NameSettings {
            hosts: hosts.clone(),
            resolv_conf: resolv_conf.clone(),
            check_files_every: second,
            ..NameSettings::default()
        });
        let began = Instant::now();
        assert!(files.current(began).resolvers.is_empty(), "no file, no name server");
        fs::write(&hosts, "192.0.2.7 a.example\n").unwrap();
        fs::write(&resolv_conf, "nameserver 192.0.2.53\n").unwrap();
        assert!(files.current(began).hosts.find("a.example").is_none());
        let later = files.current(began + 2 * second);
        assert!(later.hosts.find("a.example").is_some() && !later.resolvers.is_empty());
    }
}
