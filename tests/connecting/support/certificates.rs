//! Certificates, made with the commands of the PostgreSQL manual where it has them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Quick to make; the manual's own are RSA.
const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// Makes all certificates: `NAME.crt` and `NAME.key`.
pub(crate) fn make_all(directory: &Path) {
    let openssl = |arguments: &str| run(directory, arguments);
    // "Creating Certificates" in the manual, the self-signed one. It marks itself as an authority.
    for (name, subject) in [("own", "/CN=localhost"), ("other", "/CN=localhost")] {
        openssl(&format!(
            "req -new -x509 -days 365 -nodes -text -out {name}.crt -keyout {name}.key \
             -subj {subject}"
        ));
    }
    // The last one takes the first one's name.
    for (ca, name) in [("ca", "ca"), ("wrong-ca", "wrong-ca"), ("fake-ca", "ca")] {
        openssl(&format!(
            "req -new -x509 -days 365 {EC} -out {ca}.crt -keyout {ca}.key -subj /CN={name} \
             -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
    }
    let san = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
    sign(directory, "signed", "/CN=elsewhere.example", Some(san));
    // The manual's: no extensions, so version 1 with this OpenSSL, and only a common name.
    sign(directory, "version1", "/CN=localhost", None);
    let client = "subjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth\n";
    sign(directory, "client", "/CN=localhost", Some(client));
    // Version 3, and only a common name.
    sign(
        directory,
        "named",
        "/CN=localhost",
        Some("basicConstraints=CA:FALSE\n"),
    );
    sign_by(directory, "fake-ca", "forged", "/CN=localhost", Some(san));
    sign_by(directory, "fake-ca", "forged1", "/CN=localhost", None);
    expired(directory);
    under_another(directory);
    clients(directory);
    revoked(directory);
    let marked = "subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:TRUE\n";
    sign(directory, "marked-as-ca", "/CN=localhost", Some(marked));
    let both = [
        fs::read(directory.join("wrong-ca.crt")),
        fs::read(directory.join("ca.crt")),
    ];
    fs::write(
        directory.join("both.crt"),
        both.map(Result::unwrap).concat(),
    )
    .unwrap();
    let home = directory.join("home/.postgresql");
    fs::create_dir_all(&home).unwrap();
    fs::copy(directory.join("ca.crt"), home.join("root.crt")).unwrap();
    fs::write(directory.join("empty.crt"), "nothing in here\n").unwrap();
    fs::write(
        directory.join("bad.crt"),
        "-----BEGIN CERTIFICATE-----\n!\n",
    )
    .unwrap();
}

/// Certificates of the past, signed by `ca`: `expired`, and `expired1` of version 1.
fn expired(directory: &Path) {
    fs::write(directory.join("index"), "").unwrap();
    for (name, more) in [("expired", "x509_extensions = x\n"), ("expired1", "")] {
        let conf = format!(
            "[ca]\ndefault_ca = c\n[c]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n\
             default_md = sha256\npolicy = p\nunique_subject = no\n{more}[p]\n\
             commonName = supplied\n[x]\nsubjectAltName = DNS:localhost\n"
        );
        fs::write(directory.join("ca.conf"), conf).unwrap();
        let request = format!("-out {name}.csr -keyout {name}.key -subj /CN=localhost");
        run(directory, &format!("req -new {EC} {request}"));
        run(
            directory,
            &format!(
                "ca -batch -config ca.conf -in {name}.csr -cert ca.crt -keyfile ca.key \
                 -out {name}.crt -startdate 20200101000000Z -enddate 20200201000000Z -notext"
            ),
        );
    }
}

/// Certificates of clients: `clerk`, whose key comes in every form, `rsa`, and `stranger`, whose
/// authority nobody knows.
fn clients(directory: &Path) {
    let openssl = |arguments: &str| run(directory, arguments);
    let plain = Some("basicConstraints=CA:FALSE\n");
    sign(directory, "clerk", "/CN=clerk", plain);
    sign_by(directory, "wrong-ca", "stranger", "/CN=clerk", plain);
    openssl("ec -in clerk.key -out clerk-sec1.key");
    openssl("pkcs8 -topk8 -nocrypt -in clerk.key -outform DER -out clerk-der.key");
    openssl(
        "pkcs8 -topk8 -v2 aes-256-cbc -in clerk.key -passout pass:sesame -out clerk-encrypted.key",
    );
    openssl("ec -aes128 -in clerk.key -passout pass:sesame -out clerk-old.key");
    openssl("req -new -newkey rsa:2048 -nodes -out rsa.csr -keyout rsa.key -subj /CN=clerk");
    openssl(
        "x509 -req -in rsa.csr -days 365 -CA ca.crt -CAkey ca.key -CAcreateserial -out rsa.crt",
    );
    openssl("rsa -in rsa.key -traditional -out rsa-pkcs1.key");
}

/// Lists of `ca`: `none.crl` has nothing, `named.crl` has the certificate `named`, `old.crl` is of
/// the past; `wrong-ca.crl` is another authority's.
fn revoked(directory: &Path) {
    let list = |ca: &str, name: &str, how: &str| {
        let conf = format!(
            "[ca]\ndefault_ca = c\n[c]\ndatabase = {name}-index\ndefault_md = sha256\n\
             unique_subject = no\ncrlnumber = {name}-number\n"
        );
        fs::write(directory.join(format!("{name}-number")), "01\n").unwrap();
        fs::write(directory.join(format!("{name}.conf")), conf).unwrap();
        fs::write(directory.join(format!("{name}-index")), "").unwrap();
        let with = format!("ca -batch -config {name}.conf -cert {ca}.crt -keyfile {ca}.key");
        if name == "named" {
            run(directory, &format!("{with} -revoke named.crt"));
        }
        run(directory, &format!("{with} -gencrl {how} -out {name}.crl"));
    };
    list("ca", "none", "-crldays 30");
    list("ca", "named", "-crldays 30");
    list("wrong-ca", "wrong-ca", "-crldays 30");
    let past = "-crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z";
    list("ca", "old", past);
}

/// Certificates below another authority: `chain` is a good one; in `limited` the authority may
/// speak for one name only, and the certificate has another as its common name; the certificate
/// of `chain1` is of version 1.
fn under_another(directory: &Path) {
    let authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    let limits = "nameConstraints=critical,permitted;DNS:allowed.example\n";
    sign(directory, "middle", "/CN=middle", Some(authority));
    sign(
        directory,
        "limiting",
        "/CN=limiting",
        Some(&format!("{authority}{limits}")),
    );
    let san = Some("subjectAltName=DNS:localhost\n");
    let plain = Some("basicConstraints=CA:FALSE\n");
    for (name, above, extensions) in [
        ("chain", "middle", san),
        ("limited", "limiting", plain),
        ("chain1", "middle", None),
    ] {
        sign_by(directory, above, name, "/CN=localhost", extensions);
        let parts = [name, above].map(|name| fs::read(directory.join(format!("{name}.crt"))));
        fs::write(
            directory.join(format!("{name}.crt")),
            parts.map(Result::unwrap).concat(),
        )
        .unwrap();
    }
}

/// A certificate signed by `ca`.
fn sign(directory: &Path, name: &str, subject: &str, extensions: Option<&str>) {
    sign_by(directory, "ca", name, subject, extensions);
}

fn sign_by(directory: &Path, ca: &str, name: &str, subject: &str, extensions: Option<&str>) {
    run(
        directory,
        &format!("req -new {EC} -out {name}.csr -keyout {name}.key -subj {subject}"),
    );
    let with = match extensions {
        None => String::new(),
        Some(extensions) => {
            fs::write(directory.join("extensions"), extensions).unwrap();
            "-extfile extensions".to_owned()
        }
    };
    run(
        directory,
        &format!(
            "x509 -req -in {name}.csr -text -days 365 -CA {ca}.crt -CAkey {ca}.key -CAcreateserial \
             -out {name}.crt {with}"
        ),
    );
}

fn run(directory: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the tests need the `openssl` command: apt-get install openssl");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {talk}");
}
