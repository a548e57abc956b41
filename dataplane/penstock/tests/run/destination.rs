//! A server that agents have a use for: files and a git repository, over HTTPS and plain HTTP.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{Folder, PATIENCE, find, read_request};

/// No client's `NO_PROXY` names it.
const ADDRESS: &str = "127.0.0.2:0";

/// The server; its certificate is for the names that it is made with and its address.
pub(crate) struct Destination {
    folder: Folder,
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
}

impl Destination {
    pub(crate) fn new(names: &[&str]) -> Self {
        let folder = Folder::new();
        let files = folder.path("files");
        fs::create_dir(&files).expect("a folder");
        let tls = tls(&folder, names);
        let http = listen(files.clone(), |stream, files| serve(stream, &files));
        let https = listen(files, move |stream, files| {
            let connection = ServerConnection::new(Arc::clone(&tls)).expect("a connection");
            serve(StreamOwned::new(connection, stream), &files);
        });
        Self { folder, https, http }
    }

    /// The root that the certificate is issued by, as a file.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path("ca.pem")
    }

    /// Where a file is that it serves.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path("files").join(name)
    }

    /// Serves a file.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// A git repository with one commit, at `/git/<name>`, which anybody may push to.
    pub(crate) fn repository(&self, name: &str) -> PathBuf {
        let at = self.path("git").join(name);
        let script = "git init -q --bare -b main \"$1\"; cd \"$1\"; git config http.receivepack true; \
            tree=$(git hash-object -t tree -w /dev/null); \
            git update-ref refs/heads/main $(git -c user.name=a -c user.email=a@example.com \
            commit-tree -m first $tree)";
        let made = Command::new("sh").args(["-ec", script, "sh"]).arg(&at).status();
        assert!(made.expect("git runs").success());
        at
    }
}

fn tls(folder: &Folder, names: &[&str]) -> Arc<ServerConfig> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "penstock's tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL's strict mode, which Python has on, wants both.
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    folder.write("ca.pem", &params.self_signed(&key).expect("a root").pem());
    let issuer = Issuer::new(params, key);
    let address = ADDRESS.split_once(':').expect("an address").0;
    let names: Vec<_> = names.iter().chain([&address]).map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");
    let secret = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], secret);
    config.expect("a certificate").into()
}

fn listen(
    files: PathBuf,
    serve: impl Fn(std::net::TcpStream, PathBuf) + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(ADDRESS).expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (serve, files) = (serve.clone(), files.clone());
            let _ = stream.set_read_timeout(Some(PATIENCE));
            std::thread::spawn(move || serve(stream, files));
        }
    });
    address
}

/// Answers one request.
fn serve(mut stream: impl Read + Write, files: &Path) {
    let Some((head, body)) = read_request(&mut stream) else { return };
    let head = String::from_utf8_lossy(&head).into_owned();
    let answer = answer(&head, &body, files).unwrap_or_else(|_| status(404, b"no such file\n"));
    let _ = stream.write_all(&answer).and_then(|()| stream.flush());
    // Until the client closes too: its last bytes must not meet a closed socket.
    let _ = stream.read(&mut [0]);
}

fn status(status: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn answer(head: &str, body: &[u8], files: &Path) -> io::Result<Vec<u8>> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path.starts_with("/git/") {
        return git(head, path, query, body, files);
    }
    let file = files.join(path.trim_start_matches('/'));
    let file = if file.is_dir() { file.join("index.html") } else { file };
    let content = fs::read(&file)?;
    let kind = if file.extension().is_some_and(|end| end == "html") {
        "text/html"
    } else {
        "application/json"
    };
    let length = content.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    Ok([head.as_bytes(), &content].concat())
}

/// Git's own server, by the rules of CGI (RFC 3875).
fn git(head: &str, path: &str, query: &str, body: &[u8], files: &Path) -> io::Result<Vec<u8>> {
    let field = |name: &str| {
        let line = head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        line.unwrap_or_default()
    };
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", files)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", field("Git-Protocol"))
        .env("REQUEST_METHOD", head.split(' ').next().unwrap_or_default())
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", field("Content-Type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", field("Content-Encoding"))
        .env("REMOTE_USER", "agent")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    backend.stdin.take().expect("it is piped").write_all(body)?;
    let said = backend.wait_with_output()?.stdout;
    let end = find(&said, b"\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let fields = String::from_utf8_lossy(&said[..end]);
    let code = fields.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let content = &said[end + 4..];
    let length = content.len();
    let head = format!(
        "HTTP/1.1 {code}\r\n{fields}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    Ok([head.as_bytes(), content].concat())
}
