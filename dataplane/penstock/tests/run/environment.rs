//! What a command is told.

use crate::host::{GID, Host, UID, output, says};

#[test]
fn clients_find_the_servers_and_tools_the_forward_listener() {
    let Some(host) = Host::new() else { return };
    let script = r#"
stat -c '%a %u %g' $PENSTOCK_MCP_CONFIG $(dirname $PENSTOCK_MCP_CONFIG)
cat $PENSTOCK_MCP_CONFIG
echo "$PENSTOCK_AGENT $HTTPS_PROXY $http_proxy $NO_PROXY $NODE_USE_ENV_PROXY $HOME $USER"
echo "$PENSTOCK_MCP_CONFIG" > where; test -w $XDG_RUNTIME_DIR
"#;
    let said = host.sh(script);
    let expected = format!(
        r#"600 {UID} {GID}
700 {UID} {GID}
{{
  "mcpServers": {{
    "other": {{
      "type": "http",
      "url": "http://127.0.0.1:8808/mcp/other"
    }},
    "up": {{
      "type": "http",
      "url": "http://127.0.0.1:8808/mcp/up"
    }}
  }}
}}
one http://127.0.0.1:3128 http://127.0.0.1:3128 127.0.0.1,localhost,::1,[::1] 1 / {UID}
"#
    );
    assert_eq!(said, expected);
    let file = std::fs::read_to_string(host.work().join("where")).expect("where it was");
    assert!(
        !std::path::Path::new(file.trim()).parent().expect("a parent").exists(),
        "{file} is left"
    );
}

#[test]
fn what_was_roots_is_not_handed_on_and_all_else_is() {
    let Some(host) = Host::new() else { return };
    let mut run = host.run(&["env"]);
    run.env("LD_PRELOAD", "").env("SSH_AUTH_SOCK", "/x").env("ALL_PROXY", "socks5://x");
    run.env("API_KEY", "k").env("PENSTOCK_CONFIG", "/x");
    let said = says(run);
    for gone in ["LD_PRELOAD", "SSH_AUTH_SOCK", "ALL_PROXY", "PENSTOCK_CONFIG"] {
        assert!(!said.contains(gone), "{said}");
    }
    assert!(said.contains("API_KEY=k\n"), "{said}");
}

#[test]
fn curl_asks_the_forward_listener_for_names_and_penstock_itself_directly() {
    let Some(host) = Host::new() else { return };
    // Nobody listens there in this test: the address that is tried tells which way was taken.
    let tried = |url: &str| {
        let said = output(host.run(&["curl", "-sv", "-m", "5", url]));
        String::from_utf8_lossy(&said.stderr).into_owned()
    };
    for url in ["http://a.example/", "https://a.example/"] {
        let said = tried(url);
        assert!(said.contains("127.0.0.1:3128") && !said.contains("resolve host"), "{said}");
    }
    let said = tried("http://127.0.0.1:8808/mcp/up");
    assert!(!said.contains(":3128"), "{said}");
}
