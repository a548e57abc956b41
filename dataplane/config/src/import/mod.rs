//! Turns the JSON with which MCP clients list their servers into a configuration.
//!
//! Claude Desktop, Claude Code and Cursor call the list `mcpServers`, VS Code `servers`; the entries
//! are alike. Values of environment variables are not copied: they become `${env:NAME}`, and the
//! caller tells the operator what to export. Whatever cannot be carried over is noted.

mod entry;
mod json;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Where the written configuration listens.
const ADDRESS: &str = "127.0.0.1:8808";

/// Bytes of a client's file.
const BYTES_MAX: usize = 16 << 20;

/// Why a client's file was not turned into a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The text is not JSON.
    #[error("it is not valid JSON, comments allowed: {0}")]
    Json(serde_json::Error),
    /// The text is too long.
    #[error("it is larger than {BYTES_MAX} bytes")]
    Large,
    /// There is no list of servers in it.
    #[error(
        "it has neither `mcpServers` (Claude, Cursor) nor `servers` (VS Code); its keys are: {0}"
    )]
    NoList(String),
    /// None of the servers could be carried over.
    #[error("none of its servers could be carried over: {}", .0.join("; "))]
    Nothing(Vec<String>),
}

/// A client's file, carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The configuration.
    pub yaml: String,
    /// The servers carried over.
    pub servers: Vec<ImportedServer>,
    /// The variables that the configuration reads and that must be set where penstock is started.
    pub exports: Vec<Export>,
    /// What was not carried over, or not as it stood.
    pub notes: Vec<String>,
    /// What the client calls its list of servers.
    list: &'static str,
}

/// A server carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedServer {
    /// Its name in the client's file.
    pub client_name: String,
    /// Its name in the configuration.
    pub name: String,
}

/// A variable that must be set where penstock is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its name in penstock's environment.
    pub variable: String,
    /// The servers, by their name in the client's file, that had a value for it.
    pub servers: Vec<String>,
}

impl Imported {
    /// The JSON that points the client at penstock, in place of the list it had.
    pub fn client_json(&self) -> String {
        let entry = |server: &ImportedServer| {
            let url = format!("http://{ADDRESS}/mcp/{}", server.name);
            (server.client_name.clone(), json!({ "type": "http", "url": url }))
        };
        let entries: Map<_, _> = self.servers.iter().map(entry).collect();
        format!("{:#}", json!({ self.list: entries }))
    }
}

/// Carries over a client's list of servers.
pub fn import_mcp_servers(text: &str) -> Result<Imported, ImportError> {
    if text.len() > BYTES_MAX {
        return Err(ImportError::Large);
    }
    let file: Value = serde_json::from_str(&json::plain(text)).map_err(ImportError::Json)?;
    let (list, entries) = find_list(&file)?;
    let mut import = Import::default();
    let mut upstreams = Vec::new();
    let mut servers = Vec::new();
    for (client_name, value) in entries {
        let Some(target) = entry::read(&mut import, client_name, value) else { continue };
        let name = import.name(client_name);
        servers.push(ImportedServer { client_name: client_name.clone(), name: name.clone() });
        upstreams.push((name, target));
    }
    if upstreams.is_empty() {
        return Err(ImportError::Nothing(import.notes));
    }
    let exports = import.exports.into_iter();
    let exports = exports.map(|(variable, export)| Export { variable, servers: export.servers });
    Ok(Imported {
        yaml: write::configuration(&upstreams),
        servers,
        exports: exports.collect(),
        notes: import.notes,
        list,
    })
}

/// A server's name and what is said of it.
type Entry<'a> = (&'a String, &'a Value);

/// The name of the list and its entries. Claude Code has one more list a project.
fn find_list(file: &Value) -> Result<(&'static str, Vec<Entry<'_>>), ImportError> {
    let lists =
        [("mcpServers", "/mcpServers"), ("servers", "/servers"), ("servers", "/mcp/servers")];
    let found = lists.into_iter().find_map(|(name, pointer)| {
        file.pointer(pointer).and_then(Value::as_object).map(|entries| (name, entries))
    });
    let projects = file.get("projects").and_then(Value::as_object);
    let projects = projects.into_iter().flat_map(Map::values);
    let of_projects = projects.filter_map(|project| project.get("mcpServers")?.as_object());
    let of_projects: Vec<_> = of_projects.flatten().collect();
    match found {
        Some((name, entries)) => Ok((name, entries.iter().chain(of_projects).collect())),
        None if !of_projects.is_empty() => Ok(("mcpServers", of_projects)),
        None => {
            let keys = file.as_object().map(|file| file.keys().cloned().collect::<Vec<_>>());
            Err(ImportError::NoList(keys.unwrap_or_default().join(", ")))
        }
    }
}

/// What is known while entries are carried over one after the other.
#[derive(Default)]
struct Import {
    notes: Vec<String>,
    names: BTreeSet<String>,
    exports: BTreeMap<String, Wanted>,
}

/// A variable that the configuration reads.
struct Wanted {
    /// The value the client's file gives it, if it does: two servers may want different ones.
    value: Option<String>,
    servers: Vec<String>,
}

impl Import {
    fn note(&mut self, server: &str, text: &str) {
        self.notes.push(format!("{server}: {text}"));
    }

    /// The name of a server in the configuration: what a name may hold, and used once.
    fn name(&mut self, client_name: &str) -> String {
        let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let folded: String = client_name.chars().map(fold).take(50).collect();
        let base = match folded.trim_matches('-') {
            "" => "server",
            base => base,
        };
        let numbered = (2_u32..).map(|number| format!("{base}-{number}"));
        let mut candidates = std::iter::once(base.to_owned()).chain(numbered);
        let free = candidates.find(|name| !self.names.contains(name));
        let name = free.unwrap_or_else(|| base.to_owned());
        self.names.insert(name.clone());
        name
    }

    /// The variable of penstock's that stands for `variable` of a server's environment.
    fn export(&mut self, server: &str, variable: &str, value: Option<&str>) -> String {
        let wanted =
            |value: Option<&str>| Wanted { value: value.map(str::to_owned), servers: Vec::new() };
        let differs = |export: &Wanted| export.value.as_deref() != value;
        let name = if self.exports.get(variable).is_some_and(differs) {
            let fold =
                |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let prefix: String = server.chars().map(fold).collect();
            // A variable cannot begin with a digit.
            format!("MCP_{prefix}_{variable}")
        } else {
            variable.to_owned()
        };
        let export = self.exports.entry(name.clone()).or_insert_with(|| wanted(value));
        if !export.servers.iter().any(|known| known == server) {
            export.servers.push(server.to_owned());
        }
        name
    }
}
