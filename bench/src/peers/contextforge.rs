//! `mcp-contextforge-gateway` of Python, on uvicorn with one worker and a database in a file.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{Gateway, Peer, Running, Start};
use crate::call::{Era, TOOL, post};
use crate::load::ask;
use crate::server::free_address;

/// The first start makes its database, by all the migrations there ever were.
const READY: Duration = Duration::from_mins(3);
/// The status where it knows the server already.
const CONFLICT: u16 = 409;
const SECRET_BYTES: usize = 32;

/// Sessions are kept, as it then keeps its own with the server as well, and a call costs a fifth.
/// Off is what looks at a call or counts it, and the log-in: calls are anonymous.
const ENVIRONMENT: [(&str, &str); 21] = [
    ("USE_STATEFUL_SESSIONS", "true"),
    ("JSON_RESPONSE_ENABLED", "true"),
    ("CACHE_TYPE", "memory"),
    ("AUTH_REQUIRED", "false"),
    ("MCP_REQUIRE_AUTH", "false"),
    ("ALLOW_UNAUTHENTICATED_ADMIN", "true"),
    // The server is on loopback.
    ("SSRF_ALLOW_LOCALHOST", "true"),
    ("SSRF_ALLOW_PRIVATE_NETWORKS", "true"),
    ("MCPGATEWAY_UI_ENABLED", "false"),
    ("MCPGATEWAY_ADMIN_API_ENABLED", "false"),
    ("PLUGINS_ENABLED", "false"),
    ("RATE_LIMITING_ENABLED", "false"),
    ("COMPRESSION_ENABLED", "false"),
    ("SECURITY_HEADERS_ENABLED", "false"),
    ("SECURITY_LOGGING_ENABLED", "false"),
    ("CORRELATION_ID_ENABLED", "false"),
    ("OBSERVABILITY_ENABLED", "false"),
    ("ENABLE_METRICS", "false"),
    ("DB_METRICS_RECORDING_ENABLED", "false"),
    ("LOG_REQUESTS", "false"),
    ("LOG_LEVEL", "CRITICAL"),
];

pub(super) struct ContextForge(pub(super) Gateway);

impl Peer for ContextForge {
    fn name(&self) -> &'static str {
        "contextforge"
    }

    fn version(&self) -> Result<String> {
        self.0.version()
    }

    fn eras(&self) -> &'static [Era] {
        &[Era::Legacy]
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        let address = free_address()?;
        let dir = start.dir(self.name())?;
        let database = format!("mcp-{}.db", std::process::id());
        forget_others(&dir, &database)?;
        let mut command = Command::new(self.0.path()?);
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        command.args(["--workers", "1", "--no-access-log", "--log-level", "critical"]);
        command.current_dir(&dir).envs(ENVIRONMENT);
        command.env("DATABASE_URL", format!("sqlite:///./{database}"));
        let [jwt, encryption] = secrets()?;
        command.env("JWT_SECRET_KEY", jwt).env("AUTH_ENCRYPTION_SECRET", encryption);
        let started = start.server(self.name(), &mut command, address, READY)?;
        let name = format!("b{}", start.answer_bytes);
        register(address, &name, &start.url())?;
        Ok(Running { tool: format!("{name}-{TOOL}"), ..Running::new(started, "/mcp") })
    }
}

/// Databases of earlier runs know servers that are gone.
fn forget_others(dir: &Path, ours: &str) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("mcp-") && !name.starts_with(ours) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Tells it of the server; of one that it knows from an earlier start, it says so.
fn register(address: SocketAddr, name: &str, url: &str) -> Result<()> {
    let body = serde_json::json!({
        "name": name, "url": url, "transport": "STREAMABLEHTTP", "visibility": "public",
    });
    let request = post(address, "/gateways", "", &body.to_string());
    let answer = ask(address, &request).context("the server cannot be registered")?;
    ensure!(
        (200..300).contains(&answer.status) || answer.status == CONFLICT,
        "the server cannot be registered: status {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(())
}

/// It refuses to start without; the same for the whole run, as its database is.
fn secrets() -> Result<[&'static str; 2]> {
    static SECRETS: OnceLock<[String; 2]> = OnceLock::new();
    if SECRETS.get().is_none() {
        let made = [secret()?, secret()?];
        SECRETS.get_or_init(|| made);
    }
    let [jwt, encryption] = SECRETS.get().context("no secrets")?;
    Ok([jwt, encryption])
}

fn secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_made_twice() {
        let mut names: Vec<_> = ENVIRONMENT.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ENVIRONMENT.len());
    }

    #[test]
    fn secrets_differ_and_stay() {
        let [jwt, encryption] = secrets().unwrap();
        assert_ne!(jwt, encryption);
        assert_eq!(secrets().unwrap(), [jwt, encryption]);
    }
}
