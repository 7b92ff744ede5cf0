//! TLS settings: whom we trust, and who we say we are. One set is shared by all apps that ask for nothing
//! special; each other set is built once and kept, never built for a push: reading certificates is by far the
//! dearest part of a client.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::failure::{FailureClass, printable};
use crate::domain::customer::{CallbackTls, ClientCertificate};

/// Sets that are kept. Each has a few kilobytes of certificates and its own memory of TLS sessions.
const SETS_MAX: usize = 1_024;

/// Why the client could not be set up. All of these are for the operator, at start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The operator's file of certificate authorities cannot be used.
    #[error("cannot read certificate authorities from {}: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address of the egress proxy.
    #[error("callback.egress_proxy is not an http URL of a host alone")]
    EgressProxy,
    /// rustls refused its own defaults.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Which set a connection was made with: connections of different sets are never mixed up.
pub(super) type SetNo = u64;

/// The set that needs nothing special.
const SHARED: SetNo = 0;

/// One set.
#[derive(Clone, Debug)]
pub(super) struct TlsSet {
    pub(super) no: SetNo,
    pub(super) config: Arc<ClientConfig>,
}

#[derive(Debug)]
pub(super) struct TlsSets {
    roots: Arc<RootCertStore>,
    shared: TlsSet,
    own: Mutex<OwnSets>,
}

#[derive(Debug, Default)]
struct OwnSets {
    by_settings: HashMap<Arc<CallbackTls>, Result<TlsSet, TlsSettingFault>>,
    made: SetNo,
}

impl TlsSets {
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, SetupError> {
        let roots = Arc::new(trusted_roots(ca_file)?);
        let config = config(Arc::clone(&roots), None).map_err(|error| match error {
            IdentityError::Tls(error) => error,
            IdentityError::Pem(text) => rustls::Error::General(text),
        })?;
        let shared = TlsSet { no: SHARED, config: Arc::new(config) };
        Ok(Self { roots, shared, own: Mutex::default() })
    }

    pub(super) fn trusted_roots(&self) -> usize {
        self.roots.len()
    }

    /// The set for an app that asks for `wanted`.
    pub(super) fn get(&self, wanted: Option<&Arc<CallbackTls>>) -> Result<TlsSet, FailureClass> {
        let Some(wanted) = wanted else { return Ok(self.shared.clone()) };
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = own.by_settings.get(wanted) {
            return set.clone().map_err(|fault| unusable(&fault));
        }
        if own.by_settings.len() >= SETS_MAX {
            own.by_settings.clear();
        }
        own.made += 1;
        let no = own.made;
        let set = build(wanted, &self.roots).map(|config| TlsSet { no, config: Arc::new(config) });
        own.by_settings.insert(Arc::clone(wanted), set.clone());
        set.map_err(|fault| unusable(&fault))
    }
}

fn unusable(fault: &TlsSettingFault) -> FailureClass {
    FailureClass::TlsSettingsUnusable { reason: fault.to_string() }
}

/// What is wrong with an app's TLS settings, in words for the operator who enters them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsSettingFault {
    /// The authorities.
    #[error("certificate authority: {0}")]
    Authority(String),
    /// Our certificate, or its key.
    #[error("client certificate: {0}")]
    ClientCertificate(String),
}

/// Whether an app's TLS settings can be used.
pub fn check_callback_tls(tls: &CallbackTls) -> Result<(), TlsSettingFault> {
    build(tls, &Arc::new(RootCertStore::empty())).map(drop)
}

#[derive(Debug, thiserror::Error)]
enum IdentityError {
    #[error("{0}")]
    Pem(String),
    #[error("{0}")]
    Tls(#[from] rustls::Error),
}

fn build(tls: &CallbackTls, system: &Arc<RootCertStore>) -> Result<ClientConfig, TlsSettingFault> {
    // Instead of the system's authorities, not beside them: an app that names its own wants no other to be
    // able to vouch for its receivers, and a set stays small.
    let roots = match &tls.ca {
        Some(ca) => {
            let roots = roots_of(CertificateDer::pem_slice_iter(ca.as_bytes()), RootCertStore::empty());
            Arc::new(roots.map_err(TlsSettingFault::Authority)?)
        }
        None => Arc::clone(system),
    };
    config(roots, tls.client.as_ref())
        .map_err(|error| TlsSettingFault::ClientCertificate(printable(&error.to_string())))
}

fn config(
    roots: Arc<RootCertStore>,
    client: Option<&ClientCertificate>,
) -> Result<ClientConfig, IdentityError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain =
                CertificateDer::pem_slice_iter(client.chain.as_bytes()).collect::<Result<Vec<_>, _>>();
            let chain = chain.map_err(|error| IdentityError::Pem(error.to_string()))?;
            if chain.is_empty() {
                return Err(IdentityError::Pem("no certificate in it".to_owned()));
            }
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes());
            let key = key.map_err(|_| IdentityError::Pem("no private key that can be read".to_owned()))?;
            builder.with_client_auth_cert(chain, key)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The authorities that receivers' certificates are checked against: those of the operating system, and the
/// operator's own file on top.
///
/// The system's store and not a list compiled in: a gateway runs for years, and the system's updates,
/// removals and local additions should reach it without a new release. The price is that a bare container
/// may have none, which is for the caller to say at start.
fn trusted_roots(ca_file: Option<&Path>) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    // Certificates that cannot be read or parsed are left out: one bad file must not stop all the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let Some(path) = ca_file else { return Ok(roots) };
    let refused = |reason: String| SetupError::CaFile { path: path.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))?;
    roots_of(certificates, roots).map_err(refused)
}

/// `roots`, and all of `certificates`, of which there must be one.
fn roots_of(
    certificates: impl Iterator<Item = Result<CertificateDer<'static>, rustls::pki_types::pem::Error>>,
    mut roots: RootCertStore,
) -> Result<RootCertStore, String> {
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.len() == before {
        return Err("no certificate in it".to_owned());
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(ca: Option<&str>, client: Option<(&str, &str)>) -> Arc<CallbackTls> {
        let client = client.map(|(chain, key)| ClientCertificate { chain: chain.into(), key: key.into() });
        Arc::new(CallbackTls { ca: ca.map(Into::into), client })
    }

    fn certificate() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_set_is_built_once_for_equal_settings_and_shared_with_no_others() {
        let sets = TlsSets::new(None).unwrap();
        let (chain, key) = certificate();
        let first = sets.get(Some(&tls(Some(&chain), None))).unwrap();
        let again = sets.get(Some(&tls(Some(&chain), None))).unwrap();
        assert!(Arc::ptr_eq(&first.config, &again.config) && first.no == again.no);
        let with_key = sets.get(Some(&tls(Some(&chain), Some((&chain, &key))))).unwrap();
        let numbers = [sets.get(None).unwrap().no, first.no, with_key.no];
        assert_eq!(numbers, [0, 1, 2]);
    }

    #[test]
    fn settings_that_cannot_be_used_say_which_and_why_and_never_the_key() {
        let ((chain, key), (_, other_key)) = (certificate(), certificate());
        for (settings, words) in [
            (tls(Some("nonsense"), None), "certificate authority: no certificate in it"),
            (tls(None, Some(("nonsense", &key))), "client certificate: no certificate in it"),
            (tls(None, Some((&chain, "hush"))), "client certificate: no private key that can be read"),
            (
                tls(None, Some((&chain, &other_key))),
                "client certificate: keys may not be consistent: KeyMismatch",
            ),
        ] {
            assert_eq!(check_callback_tls(&settings).unwrap_err().to_string(), words);
        }
        assert_eq!(check_callback_tls(&tls(Some(&chain), Some((&chain, &key)))), Ok(()));
    }
}
