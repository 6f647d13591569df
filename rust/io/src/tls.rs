//! TLS towards upstreams: who is trusted, and what is offered.
//!
//! Verification is always on. Trust is the machine's own store (or `SSL_CERT_FILE`, `SSL_CERT_DIR`), plus the
//! certificates of an origin's `ca_file`.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::OriginError;

/// Read once per process: some 150 certificates take milliseconds to parse.
static MACHINE_ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();

/// The configuration for one origin. Blocks on the file system, once per process and `ca_file`.
pub(crate) fn config(ca_file: Option<&Path>, http2: bool) -> Result<Arc<ClientConfig>, OriginError> {
    let roots = match ca_file {
        None => machine_roots()?,
        Some(path) => with_file(path)?,
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| OriginError::new(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols =
        if http2 { vec![b"h2".into(), b"http/1.1".into()] } else { vec![b"http/1.1".into()] };
    Ok(Arc::new(config))
}

fn machine_roots() -> Result<Arc<RootCertStore>, OriginError> {
    if let Some(roots) = MACHINE_ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let roots = Arc::new(load_machine_roots());
    if roots.is_empty() {
        return Err(OriginError::new(
            "no trusted CA certificates on this machine: install ca-certificates, or set ca_file or SSL_CERT_FILE",
        ));
    }
    Ok(Arc::clone(MACHINE_ROOTS.get_or_init(|| roots)))
}

/// Certificates that do not parse are left out, as every other TLS client does: stores hold odd ones.
fn load_machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The machine's roots and those of a PEM file. Here a certificate that does not parse is an error: somebody chose it.
fn with_file(path: &Path) -> Result<Arc<RootCertStore>, OriginError> {
    let fault = |what: String| OriginError::new(format!("ca_file {}: {what}", path.display()));
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(error.to_string()))?;
    if certificates.is_empty() {
        return Err(fault("holds no PEM certificate".to_owned()));
    }
    let mut roots = machine_roots().map_or_else(|_| RootCertStore::empty(), |roots| (*roots).clone());
    for certificate in certificates {
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    Ok(Arc::new(roots))
}
