//! The environment of an agent: that of `penstock run`, but for who it is, how the network is
//! reached, and what would lead past it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use penstock_config::Snapshot;
use penstock_egress::launch::User;

use super::clients::reached;

/// Set anew or not at all: proxies that cannot be reached, sockets that are not there, what was meant
/// for penstock or for root.
const DROPPED: [&str; 15] = [
    "ALL_PROXY",
    "CREDENTIALS_DIRECTORY",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LISTEN_FDS",
    "LISTEN_PID",
    "MAIL",
    "NOTIFY_SOCKET",
    "PENSTOCK_CONFIG",
    "RUNTIME_DIRECTORY",
    "SSH_AGENT_PID",
    "SSH_AUTH_SOCK",
];
/// The dynamic linker's, and sudo's account of who called it.
const DROPPED_PREFIXES: [&str; 2] = ["LD_", "SUDO_"];

/// What it is made from.
pub(super) struct Environment<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) agent: &'a str,
    pub(super) user: &'a User,
    pub(super) clients: Option<&'a Path>,
}

impl Environment<'_> {
    pub(super) fn made_of(
        &self,
        inherited: impl Iterator<Item = (OsString, OsString)>,
    ) -> Vec<(OsString, OsString)> {
        let kept = inherited.filter(|(name, _)| !is_dropped(&name.to_string_lossy()));
        let mut variables: BTreeMap<OsString, OsString> = kept.collect();
        let mut set = |name: &str, value: OsString| variables.insert(name.into(), value);
        let Self { user, .. } = self;
        set("HOME", user.home.clone().into());
        set("USER", user.name.clone().into());
        set("LOGNAME", user.name.clone().into());
        set("SHELL", user.shell.clone().into());
        set("XDG_RUNTIME_DIR", user.runtime_directory().into());
        set("PENSTOCK_AGENT", self.agent.into());
        if let Some(clients) = self.clients {
            set("PENSTOCK_MCP_CONFIG", clients.into());
        }
        let direct = OsString::from(self.direct());
        // Lower case is what curl reads for plain HTTP, upper case what others look for.
        set("NO_PROXY", direct.clone());
        set("no_proxy", direct);
        if let Some(proxy) = reached(self.snapshot, true) {
            for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
                set(name, proxy.clone().into());
            }
            // Node's fetch, from 22.21 and 24.0 on, reads them only then.
            set("NODE_USE_ENV_PROXY", "1".into());
        }
        variables.into_iter().collect()
    }

    /// Hosts that are not to be asked for through the forward listener: penstock's own. IPv6
    /// addresses with brackets and without, for tools do not agree.
    fn direct(&self) -> String {
        let mut hosts = vec!["127.0.0.1", "localhost", "::1", "[::1]"];
        let url = reached(self.snapshot, false).unwrap_or_default();
        let authority = url.split_once("://").map_or("", |(_, authority)| authority);
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        for host in [host, bare] {
            if !host.is_empty() && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts.join(",")
    }
}

fn is_dropped(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    DROPPED.contains(&upper.as_str())
        || DROPPED_PREFIXES.iter().any(|prefix| upper.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(listeners: &str, inherited: &[(&str, &str)]) -> BTreeMap<String, String> {
        let text = format!(
            "listeners: {listeners}\nupstreams: {{ a: {{ url: http://127.0.0.1:1/mcp }} }}\nservers: {{ a: a }}\n"
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it is written");
        let loaded = penstock_config::load(file.path());
        let snapshot = loaded.expect("a configuration").snapshot;
        let user = User::parse("12345").expect("a user");
        let environment = Environment {
            snapshot: &snapshot,
            agent: "claude",
            user: &user,
            clients: Some(Path::new("/x/mcp.json")),
        };
        let inherited = inherited.iter().map(|(name, value)| (name.into(), value.into()));
        let text = |text: OsString| text.into_string().expect("text");
        let made = environment.made_of(inherited);
        made.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    const BOTH: &str =
        "[ { address: \"127.0.0.1:8808\" }, { address: \"127.0.0.1:3128\", forward: true } ]";

    #[test]
    fn tools_are_told_of_the_forward_listener_and_clients_of_the_servers() {
        let made = made(BOTH, &[]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            assert_eq!(made[name], "http://127.0.0.1:3128");
        }
        assert_eq!(made["NODE_USE_ENV_PROXY"], "1");
        assert_eq!(made["NO_PROXY"], "127.0.0.1,localhost,::1,[::1]");
        assert_eq!(made["no_proxy"], made["NO_PROXY"]);
        assert_eq!(made["PENSTOCK_AGENT"], "claude");
        assert_eq!(made["PENSTOCK_MCP_CONFIG"], "/x/mcp.json");
    }

    #[test]
    fn without_a_forward_listener_there_is_no_proxy_not_even_an_inherited_one() {
        let inherited = [("https_proxy", "http://10.0.0.1:1"), ("ALL_PROXY", "socks5://x")];
        let made = made("[ { address: \"127.0.0.1:8808\" } ]", &inherited);
        assert!(!made.keys().any(|name| {
            let upper = name.to_ascii_uppercase();
            upper.ends_with("_PROXY") && upper != "NO_PROXY"
        }));
    }

    #[test]
    fn the_agent_is_its_user_and_is_handed_nothing_of_roots() {
        let inherited = [
            ("HOME", "/root"),
            ("USER", "root"),
            ("LD_PRELOAD", "/x.so"),
            ("SSH_AUTH_SOCK", "/tmp/s"),
            ("SUDO_COMMAND", "x"),
            ("PENSTOCK_CONFIG", "/p"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/b"),
            ("XDG_RUNTIME_DIR", "/run/user/0"),
            ("ANTHROPIC_API_KEY", "k"),
            ("TERM", "xterm"),
        ];
        let made = made(BOTH, &inherited);
        assert_eq!((made["HOME"].as_str(), made["USER"].as_str()), ("/", "12345"));
        assert_eq!(made["SHELL"], "/bin/sh");
        assert_eq!(made["XDG_RUNTIME_DIR"], "/run/user/12345");
        for gone in ["LD_PRELOAD", "SSH_AUTH_SOCK", "SUDO_COMMAND", "PENSTOCK_CONFIG"] {
            assert!(!made.contains_key(gone), "{gone}");
        }
        assert_eq!((made["ANTHROPIC_API_KEY"].as_str(), made["TERM"].as_str()), ("k", "xterm"));
    }
}
