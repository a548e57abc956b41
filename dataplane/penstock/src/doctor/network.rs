//! Whether the listeners can listen.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use penstock_config::{Bind, ListenerTls, Snapshot};
use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;

use super::Check;

/// A certificate that ends within this many seconds, two weeks, is told of.
const RENEW_WITHIN_S: i64 = 14 * 24 * 60 * 60;

pub(super) fn listeners(snapshot: &Snapshot) -> Vec<Check> {
    let mut checks = Vec::new();
    for listener in &snapshot.listeners {
        let name = format!("listener {}", listener.name);
        checks.push(match &listener.bind {
            Bind::Tcp(address) => tcp(name.clone(), *address),
            Bind::Unix { path, .. } => unix(name.clone(), path),
        });
        if let Some(tls) = &listener.tls {
            checks.push(certificate(format!("{name} TLS"), tls));
        }
    }
    if let Some(admin) = snapshot.admin {
        checks.push(tcp("admin".to_owned(), admin.address));
    }
    checks
}

fn tcp(name: String, address: SocketAddr) -> Check {
    match TcpListener::bind(address) {
        Ok(_) => Check::ok(name, format!("{address} can be bound")),
        Err(error) => {
            let detail = format!("{address} cannot be bound: {error}");
            Check::failed(name, detail, bind_fix(&error, address.port()))
        }
    }
}

fn bind_fix(error: &io::Error, port: u16) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "`ss -ltnp 'sport = :{port}'` says who has it: another program, or a penstock that runs"
        ),
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 need CAP_NET_BIND_SERVICE (`AmbientCapabilities=` of the unit), or \
             another port than {port}"
        ),
        ErrorKind::AddrNotAvailable => "`ip address` lists the addresses of this host".to_owned(),
        _ => "write another address".to_owned(),
    }
}

fn unix(name: String, path: &Path) -> Check {
    if UnixStream::connect(path).is_ok() {
        let detail = format!("somebody listens on {}", path.display());
        return Check::failed(
            name,
            detail,
            "stop it, a penstock that runs perhaps, or write another path",
        );
    }
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        let detail = format!("{} is there and is no socket", path.display());
        return Check::failed(name, detail, "move it away, or write another path");
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => match tempfile::tempfile_in(folder) {
            Ok(_) => Check::ok(name, format!("{} can be bound", path.display())),
            Err(error) => {
                let detail = format!("nothing can be made in {}: {error}", folder.display());
                Check::failed(name, detail, "give the user penstock runs as the right to")
            }
        },
        _ => {
            let detail = format!("the folder of {} is not there", path.display());
            Check::failed(name, detail, "create it, or add `RuntimeDirectory=` to the unit")
        }
    }
}

/// Whether a chain's leaf does not hold today, or not for long.
fn out_of_date(name: &str, path: &Path, text: &str) -> Option<Check> {
    let leaf = Pem::iter_from_buffer(text.as_bytes()).next()?.ok()?;
    let certificate = leaf.parse_x509().ok()?;
    let (validity, now) = (certificate.validity(), ASN1Time::now());
    let path = path.display();
    if now < validity.not_before {
        let detail = format!("{path} holds from {} on, which is not yet", validity.not_before);
        return Some(Check::failed(
            name,
            detail,
            "set the clock, or give a certificate that holds",
        ));
    }
    if now > validity.not_after {
        let detail = format!("{path} has held until {}", validity.not_after);
        return Some(Check::failed(name, detail, "renew it"));
    }
    let left = validity.not_after.timestamp().saturating_sub(now.timestamp());
    (left < RENEW_WITHIN_S).then(|| {
        let detail = format!("{path} holds until {} only", validity.not_after);
        Check::degraded(name, detail, "renew it")
    })
}

/// Whether the files hold what their keys say, and the key is private.
fn certificate(name: String, tls: &ListenerTls) -> Check {
    let parts = [(&tls.certificate, "CERTIFICATE"), (&tls.key, "PRIVATE KEY")];
    for (path, label) in parts {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let detail = format!("cannot read {}: {error}", path.display());
                return Check::failed(name, detail, "give the user penstock runs as the right to");
            }
        };
        if label == "CERTIFICATE"
            && let Some(check) = out_of_date(&name, path, &text)
        {
            return check;
        }
        let end = format!("{label}-----");
        let begins = |line: &str| line.starts_with("-----BEGIN ") && line.ends_with(&end);
        if !text.lines().any(|line| begins(line.trim_end())) {
            let detail = format!("{} holds no PEM `{label}` block", path.display());
            return Check::failed(name, detail, "give the file in PEM form");
        }
    }
    match fs::metadata(&tls.key) {
        Ok(key) if key.permissions().mode() & 0o004 != 0 => {
            let detail = format!("every user can read {}", tls.key.display());
            let fix = format!("chmod 0640 {} (its owner is uid {})", tls.key.display(), key.uid());
            Check::degraded(name, detail, fix)
        }
        _ => Check::ok(name, format!("{} and its key", tls.certificate.display())),
    }
}
