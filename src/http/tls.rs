//! The server side of TLS: one certificate chain and its key, read from PEM files, replaceable while serving.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The TLS identity of a listener: TLS 1.2 and 1.3, HTTP/1.1 by ALPN, no client certificates.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the certificate chain (leaf first) and the private key (PKCS#8, PKCS#1 or SEC1) and checks that they
    /// belong together. Reads two small files on the calling thread.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = ArcSwap::new(read(certificate, key)?);
        Ok(Self { certificate: certificate.into(), key: key.into(), config })
    }

    /// Reads both files again. Connections from now on use the new certificate; after an error, the old one.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.store(read(&self.certificate, &self.key)?);
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Why a certificate or key cannot be used. Names the file; never quotes what is in it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// The certificate or key file.
        file: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file has the wrong content.
    #[error("{}: {reason}", file.display())]
    Unusable {
        /// The certificate or key file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable =
        |file: &Path, reason: &str| TlsError::Unusable { file: file.into(), reason: reason.to_owned() };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem_error(certificate, error))?;
    if chain.is_empty() {
        return Err(unusable(certificate, "no PEM section CERTIFICATE in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| pem_error(key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| unusable(certificate, &error.to_string()))?;
    let mut config =
        builder.with_no_client_auth().with_single_cert(chain, private).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                unusable(key, &format!("does not belong to the certificate in {}", certificate.display()))
            }
            rustls::Error::InvalidCertificate(_) => unusable(certificate, &error.to_string()),
            _ => unusable(key, "no private key of a supported kind (RSA, ECDSA, Ed25519)"),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn pem_error(file: &Path, error: pem::Error) -> TlsError {
    let file = file.to_path_buf();
    match error {
        pem::Error::Io(reason) => TlsError::Unreadable { file, reason },
        pem::Error::NoItemsFound => {
            TlsError::Unusable { file, reason: "no PEM section of the expected kind in it".to_owned() }
        }
        // The details would quote lines of what may be a key.
        _ => TlsError::Unusable { file, reason: "not valid PEM".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_identity(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        std::fs::write(&certificate, identity.cert.pem()).unwrap();
        std::fs::write(&key, identity.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    #[test]
    fn an_error_names_the_file_and_what_is_wrong_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = write_identity(dir.path(), "one");
        let (_, other_key) = write_identity(dir.path(), "two");
        let junk = dir.path().join("junk.pem");
        std::fs::write(&junk, "-----BEGIN PRIVATE KEY-----\nsecret words!\n-----END PRIVATE KEY-----\n")
            .unwrap();
        let missing = dir.path().join("missing.pem");
        let cases: [(&Path, &Path, &str, &str); 6] = [
            (&missing, &key, "missing.pem", "No such file"),
            (&certificate, &missing, "missing.pem", "No such file"),
            (&key, &key, "one.key", "CERTIFICATE"),
            (&certificate, &certificate, "one.crt", "expected kind"),
            (&certificate, &junk, "junk.pem", "not valid PEM"),
            (&certificate, &other_key, "two.key", "does not belong"),
        ];
        for (certificate, key, file, wrong) in cases {
            let message = Tls::load(certificate, key).unwrap_err().to_string();
            assert!(message.contains(file) && message.contains(wrong), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn a_failed_reload_keeps_the_old_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = write_identity(dir.path(), "one");
        let tls = Tls::load(&certificate, &key).unwrap();
        let before = tls.config.load_full();
        std::fs::write(&key, "").unwrap();
        assert!(tls.reload().is_err());
        assert!(Arc::ptr_eq(&before, &tls.config.load_full()));
        write_identity(dir.path(), "one");
        tls.reload().unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.config.load_full()));
    }
}
