//! What a command is told.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use crate::common::free_port;
use crate::host::{GID, Host, UID, output, says};
use crate::shown::{Shown, tools};

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
    let forward = host.forward;
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
one http://{forward} http://{forward} 127.0.0.1,localhost,::1,[::1] 1 / {UID}
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
fn that_nobody_serves_is_said_and_keeps_no_command_from_running() {
    let Some(host) = Host::new() else { return };
    let at = free_port();
    let listening = |host: &Host| {
        host.write(&format!(
            "listeners: [ {{ address: \"{at}\" }}, {{ address: \"{}\", forward: true }} ]\n\
             upstreams: {{ up: {{ url: http://127.0.0.1:1/mcp }} }}\nservers: {{ up: up }}\n{}",
            host.forward,
            host.sections("enforce", "", "")
        ));
        let ended = output(host.run(&["true"]));
        assert!(ended.status.success(), "{ended:?}");
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    let warning = format!("warning: nobody listens at {at}: is `penstock serve` running?\n");
    assert_eq!(listening(&host), warning);
    let _server = TcpListener::bind(at).expect("it is free");
    assert_eq!(listening(&host), "");
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

/// What the forward listener is asked for while a command runs; the first line of it.
fn asked(host: &Host, command: &[&str]) -> String {
    let listener = TcpListener::bind(host.forward).expect("the forward listener's place");
    let (told, telling) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            if told.send(line).is_err() {
                return;
            }
            let _ = (&stream).write_all(
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    let ended = output(Shown::new("").there(&host.run(command)));
    let line = telling.try_recv();
    line.unwrap_or_else(|_| panic!("nothing: {}", String::from_utf8_lossy(&ended.stderr)))
}

#[test]
fn tools_ask_the_forward_listener_for_everything_outside() {
    if !tools() {
        return;
    }
    let tools: [&[&str]; 5] = [
        &["curl", "-sS", "-m", "5", "https://a.example/"],
        &["git", "ls-remote", "https://a.example/x.git"],
        &["/usr/bin/python3", "-c", "import urllib.request as r; r.urlopen('https://a.example/')"],
        &["python3", "-c", "import requests; requests.get('https://a.example/', timeout=5)"],
        &["node", "-e", "fetch('https://a.example/')"],
    ];
    for tool in tools {
        let Some(host) = Host::new() else { return };
        // Python's own client speaks HTTP/1.0 here.
        let asked = asked(&host, tool);
        assert!(asked.starts_with("CONNECT a.example:443 HTTP/1."), "{tool:?}: {asked}");
    }
    let Some(host) = Host::new() else { return };
    let plain = asked(&host, &["curl", "-sS", "-m", "5", "http://a.example/x"]);
    assert_eq!(plain, "GET http://a.example/x HTTP/1.1\r\n");
}

#[test]
fn what_penstock_serves_is_asked_for_directly() {
    let Some(host) = Host::new() else { return };
    // Nobody listens there in this test: the address that is tried tells which way was taken.
    let said = output(host.run(&["curl", "-sv", "-m", "5", "http://127.0.0.1:8808/mcp/up"]));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains(":8808") && !said.contains(&host.forward.to_string()), "{said}");
}
