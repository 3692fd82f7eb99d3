//! Servers that present a certificate which is not theirs, or which nobody trusted made.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use breakglass::db::open::Reason;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConnection};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::support::{block_on, connect, fleet};

/// Presents one certificate with any key.
#[derive(Debug)]
struct Presented(Arc<CertifiedKey>);

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Offers TLS once, with this certificate and this key, and hangs up after the handshake.
fn offer(
    certificate: &str,
    key: &str,
    version: &'static SupportedProtocolVersion,
) -> (u16, thread::JoinHandle<()>) {
    let file = |name: &str| fs::read(fleet().file(name)).unwrap();
    let chain = CertificateDer::pem_slice_iter(&file(&format!("{certificate}.crt")))
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(&file(&format!("{key}.key"))).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    let presented = Presented(Arc::new(CertifiedKey::new(chain, key)));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(presented));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (
        port,
        thread::spawn(move || handshake(listener.accept().unwrap().0, config)),
    )
}

fn handshake(mut stream: TcpStream, config: ServerConfig) {
    stream.read_exact(&mut [0; 8]).unwrap();
    stream.write_all(b"S").unwrap();
    let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
    while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
}

/// What a client says to such a server: `None` when it takes the handshake.
fn refusal(
    (certificate, key): (&str, &str),
    version: &'static SupportedProtocolVersion,
    mode: &str,
) -> Option<String> {
    let (port, server) = offer(certificate, key, version);
    let text = format!("host=localhost hostaddr=127.0.0.1 port={port} user=u dbname=d");
    let error = block_on(connect(&format!("{text} sslmode={mode}"))).unwrap_err();
    server.join().unwrap();
    (*error.reason() == Reason::Tls).then(|| error.chain())
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn the_key_must_be_the_certificates() {
    let roots = [fleet().file("own.crt"), fleet().file("ca.crt")];
    let table = [
        ("own", "other", &roots[0]),
        ("signed", "forged", &roots[1]),
        ("version1", "forged", &roots[1]),
    ];
    for (certificate, key, root) in table {
        let verified = format!("verify-full sslrootcert={root}");
        for (version, mode) in VERSIONS
            .iter()
            .flat_map(|version| ["require", verified.as_str()].map(|mode| (*version, mode)))
        {
            let told = format!("{certificate} {version:?} {mode}");
            assert_eq!(
                refusal((certificate, certificate), version, mode),
                None,
                "{told}"
            );
            let refusal = refusal((certificate, key), version, mode).expect(&told);
            assert!(
                refusal.ends_with("invalid peer certificate: BadSignature"),
                "{told}: {refusal}"
            );
        }
    }
}

#[test]
fn the_authority_must_have_signed() {
    let root = fleet().file("ca.crt");
    for certificate in ["forged", "forged1"] {
        for version in VERSIONS {
            assert_eq!(
                refusal((certificate, certificate), version, "require"),
                None
            );
            let verified = format!("verify-ca sslrootcert={root}");
            let refusal = refusal((certificate, certificate), version, &verified);
            let refusal = refusal.expect(certificate);
            let is_right = refusal.ends_with("BadSignature") || refusal.ends_with("UnknownIssuer");
            assert!(is_right, "{certificate}: {refusal}");
        }
    }
}
