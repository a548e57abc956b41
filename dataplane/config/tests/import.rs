//! A client's list of servers becomes a configuration that loads, and nothing is lost in silence.

use std::env::VarError;
use std::io;
use std::path::Path;

use penstock_config::{
    Expect, ImportError, Imported, Resolver, Snapshot, Target, import_mcp_servers,
};
use proptest::prelude::*;

/// Says each variable's own name.
struct Names;

impl Resolver for Names {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        Ok(format!("<{name}>"))
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Ok(String::new())
    }

    fn check(&self, _: &Path, _: Expect) -> io::Result<()> {
        Ok(())
    }
}

fn load(imported: &Imported) -> Snapshot {
    penstock_config::parse(&imported.yaml, Path::new("/p.yaml"), &Names)
        .unwrap_or_else(|errors| panic!("{errors}\n{}", imported.yaml))
        .snapshot
}

const CLAUDE: &str = r#"{
  "globalShortcut": "",
  "mcpServers": {
    "GitHub": {
      "command": "docker",
      "args": ["run", "-i", "ghcr.io/github/github-mcp-server", "--log level"],
      "env": { "GITHUB_TOKEN": "ghp_hunter2", "EMPTY": "", "REGION": "${REGION:-eu}" },
      "alwaysAllow": ["x"]
    },
    "git hub": { "command": "/opt/my app/x", "env": { "GITHUB_TOKEN": "other" }, "cwd": "${workspaceFolder}" },
    "github": { "type": "sse", "url": "https://mcp.example/sse", "headers": { "Authorization": "Bearer hunter2" } },
    "off": { "command": "x", "disabled": true },
    "odd": {}
  }
}"#;

#[test]
fn claude_and_cursor_lists_are_carried_over() {
    let imported = import_mcp_servers(CLAUDE).unwrap();
    let snapshot = load(&imported);
    let names: Vec<_> = snapshot.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["github", "git-hub", "github-2"]);
    let Target::Command(github) = &snapshot.upstreams[0].target else { panic!("{snapshot:?}") };
    assert_eq!(github.args[3], "--log level");
    assert_eq!(github.env["GITHUB_TOKEN"].expose(), "<GITHUB_TOKEN>");
    assert_eq!(github.env["REGION"].expose(), "<REGION>");
    assert_eq!(github.env["EMPTY"].expose(), "");
    let Target::Command(other) = &snapshot.upstreams[1].target else { panic!("{snapshot:?}") };
    assert_eq!(other.program, "/opt/my app/x");
    assert_eq!(other.env["GITHUB_TOKEN"].expose(), "<MCP_GIT_HUB_GITHUB_TOKEN>");
    assert!(matches!(snapshot.upstreams[2].target, Target::Sse(_)));
    let exports: Vec<_> = imported.exports.iter().map(|export| export.variable.as_str()).collect();
    assert_eq!(exports, ["GITHUB_TOKEN", "MCP_GIT_HUB_GITHUB_TOKEN", "REGION"]);
}

#[test]
fn no_secret_is_copied_and_nothing_is_lost_in_silence() {
    let imported = import_mcp_servers(CLAUDE).unwrap();
    assert!(!format!("{imported:?}").contains("hunter2"));
    let notes = imported.notes.join("\n");
    for said in [
        "alwaysAllow",
        "Authorization",
        "off: left out",
        "odd: left out",
        "REGION",
        "workspaceFolder",
    ] {
        assert!(notes.contains(said), "{said} is not in:\n{notes}");
    }
}

#[test]
fn the_client_is_pointed_at_penstock_in_its_own_words() {
    let claude: serde_json::Value =
        serde_json::from_str(&import_mcp_servers(CLAUDE).unwrap().client_json()).unwrap();
    assert_eq!(claude["mcpServers"]["GitHub"]["url"], "http://127.0.0.1:8808/mcp/github");
    let code = r#"{ // VS Code
        "inputs": [{ "id": "key", "type": "promptString" }],
        "servers": { "a": { "type": "stdio", "command": "npx", "env": { "KEY": "${input:api-key}" }, }, },
    }"#;
    let imported = import_mcp_servers(code).unwrap();
    assert_eq!(imported.exports[0].variable, "API_KEY");
    load(&imported);
    let code: serde_json::Value = serde_json::from_str(&imported.client_json()).unwrap();
    assert_eq!(code["servers"]["a"]["type"], "http");
}

#[test]
fn what_is_no_list_of_servers_is_said() {
    assert!(matches!(import_mcp_servers("{"), Err(ImportError::Json(_))));
    let Err(error) = import_mcp_servers(r#"{ "theme": "dark" }"#) else { panic!("no list") };
    assert!(error.to_string().ends_with("its keys are: theme"), "{error}");
    let userinfo = r#"{ "mcpServers": { "a": { "url": "http://u:hunter2@h/" } } }"#;
    let Err(error) = import_mcp_servers(userinfo) else { panic!("nothing is left") };
    assert!(matches!(error, ImportError::Nothing(_)) && !error.to_string().contains("hunter2"));
}

proptest! {
    /// Whatever a client calls its servers and passes to them, the configuration loads and passes
    /// the same.
    #[test]
    fn texts_survive(name in "\\PC{0,20}", args in proptest::collection::vec("[^$\0]{0,20}", 0..4)) {
        let list = serde_json::json!({ "mcpServers": { &name: { "command": "x", "args": &args } } });
        let snapshot = load(&import_mcp_servers(&list.to_string()).unwrap());
        let Target::Command(command) = &snapshot.upstreams[0].target else { panic!("{snapshot:?}") };
        prop_assert_eq!(&command.args, &args);
    }
}

#[test]
fn the_lists_of_projects_are_carried_over_too() {
    let file = r#"{"numStartups": 3, "projects": {
        "/a": {"mcpServers": {"files": {"command": "x"}}},
        "/b": {"mcpServers": {"files": {"command": "y"}, "mail": {"command": "z"}}},
        "/c": {"history": []}}}"#;
    let imported = import_mcp_servers(file).expect("it is carried over");
    let names: Vec<_> = imported.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["files", "files-2", "mail"]);
}

#[test]
fn a_value_that_is_more_than_a_reference_is_not_copied() {
    let file =
        r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "pa${s}word", "L": "${L}"}}}}"#;
    let imported = import_mcp_servers(file).expect("it is carried over");
    assert!(!imported.yaml.contains("word"), "{}", imported.yaml);
    assert!(imported.yaml.contains("${env:K}") && imported.yaml.contains("${env:L}"));
}
