//! A host as it is meant to be: `penstock serve` without privilege, an agent that is confined, and
//! what both of them reach.

use std::fs::{self, OpenOptions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::common::{always, eventually, free_port, ok};
use crate::destination::Destination;
use crate::host::{GID, Host, UID, output, says, signal};
use crate::shown::{Shown, tools};

/// Whom `serve` runs as.
const SERVER: u32 = 54_323;
/// Names of the destination: the agent may ask for the first, and not for the second.
pub(crate) const ALLOWED: &str = "allowed.test";
pub(crate) const OTHER: &str = "other.test";

pub(crate) struct Serving {
    pub(crate) host: Host,
    pub(crate) destination: Destination,
    shown: Shown,
    serve: Option<Child>,
    /// Where virtual servers are.
    pub(crate) mcp: SocketAddr,
    upstream: SocketAddr,
}

impl Serving {
    /// In front of an MCP server that answers everything with `{}`.
    pub(crate) fn new() -> Option<Self> {
        Self::before(always(ok("{}")))
    }

    /// In front of an MCP server, at `/mcp/fixture`.
    pub(crate) fn before(upstream: SocketAddr) -> Option<Self> {
        if !tools() {
            return None;
        }
        let host = Host::new()?;
        let shown = Shown::new(&format!("127.0.0.2 {ALLOWED} {OTHER}\n"));
        let destination = Destination::new(&[ALLOWED, OTHER]);
        let mcp = free_port();
        let mut serving = Self { host, destination, shown, serve: None, mcp, upstream };
        serving.allow(&serving.rules());
        // As a unit of systemd has it: first the enforcement, then the service.
        serving.apply();
        let own = serving.runtime();
        fs::create_dir(&own).expect("a directory");
        chown(&own, Some(SERVER), Some(SERVER)).expect("it is the server's");
        serving.start();
        Some(serving)
    }

    /// What the agent may ask for: the destination by its name. Both its name and its address are
    /// needed, for it is on this host.
    pub(crate) fn rules(&self) -> Vec<String> {
        let Destination { http, https, .. } = self.destination;
        [http, https]
            .iter()
            .flat_map(|at| [format!("{ALLOWED}:{}", at.port()), at.to_string()])
            .collect()
    }

    /// Writes the configuration, with these rules of `forward`.
    pub(crate) fn allow(&self, rules: &[String]) {
        self.configure(rules, "");
    }

    /// The same, with more keys of the agent, each with a comma in front.
    pub(crate) fn configure(&self, rules: &[String], keys: &str) {
        let Self { mcp, upstream, host, .. } = self;
        let (bpffs, place, forward) = (host.bpffs(), host.place(), host.forward);
        host.write(&format!(
            "shards: 1\nlog: {{ access: true }}\n\
             listeners: [ {{ address: \"{mcp}\" }}, {{ address: \"{forward}\", forward: true }} ]\n\
             upstreams: {{ fixture: {{ url: \"http://{upstream}/mcp\" }} }}\nservers: {{ fixture: fixture }}\n\
             egress: {{ bpffs: {} }}\nagents: {{ one: {{ cgroup: {place}, forward: {rules:?}{keys} }} }}\n",
            bpffs.display(),
        ));
    }

    /// Has the kernel hold the agent as the configuration says.
    pub(crate) fn apply(&self) {
        says(self.host.penstock(&["egress", "apply"]));
    }

    /// Starts `serve`, and waits until it serves.
    pub(crate) fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file());
        let own = self.runtime();
        let mut serve = Command::new("setpriv");
        let user = format!("--reuid={SERVER}");
        let group = format!("--regid={SERVER}");
        serve.args([&user, &group, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]);
        let penstock = self.host.penstock(&["serve"]);
        serve.arg(penstock.get_program()).args(penstock.get_args());
        serve.env_remove("RUNTIME_DIRECTORY").env("XDG_RUNTIME_DIR", own);
        let mut serve = self.shown.there(&serve);
        serve.stdin(Stdio::null()).stderr(log.expect("a log"));
        self.serve = Some(serve.spawn().expect("it starts"));
        for at in [self.mcp, self.host.forward] {
            eventually("it serves", || TcpStream::connect(at).is_ok());
        }
    }

    /// `kill -9` of `serve`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut serve) = self.serve.take() {
            let _ = serve.kill();
            let _ = serve.wait();
        }
    }

    pub(crate) fn reload(&self) {
        signal(self.serve.as_ref().expect("it runs").id(), "HUP");
    }

    /// What `serve` has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.runtime().with_extension("log")
    }

    fn runtime(&self) -> PathBuf {
        self.host.work().with_file_name("serve")
    }

    /// A command of the agent's, confined.
    pub(crate) fn agent(&self, command: &[&str]) -> Command {
        self.told(&mut self.host.run(command))
    }

    /// The same command and user, not confined: what is refused to the agent would work.
    pub(crate) fn unconfined(&self, command: &[&str]) -> Command {
        let mut setpriv = Command::new("setpriv");
        setpriv.args([format!("--reuid={UID}"), format!("--regid={GID}")]);
        setpriv.arg("--clear-groups").args(command);
        setpriv.current_dir(self.host.work()).env("HOME", "/");
        self.told(&mut setpriv)
    }

    /// Has it trust the destination, each tool by its own variable: that is all they are told.
    fn told(&self, command: &mut Command) -> Command {
        for tool in [
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "NODE_EXTRA_CA_CERTS",
            "NPM_CONFIG_CAFILE",
            "REQUESTS_CA_BUNDLE",
            "SSL_CERT_FILE",
        ] {
            command.env(tool, self.destination.authority());
        }
        self.shown.there(command)
    }

    /// The URL of a file of the destination by HTTPS, by a name.
    pub(crate) fn url(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}/{path}", self.destination.https.port())
    }

    /// What the kernel has refused since the last time.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let events = self.host.penstock(&["egress", "events", "--json", "--agent", "one"]);
        says(events).lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a command says that must fail.
#[track_caller]
pub(crate) fn fails(command: Command) -> String {
    let Output { status, stdout, stderr } = output(command);
    let said = [stdout, stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(!status.success(), "{said}");
    said
}
