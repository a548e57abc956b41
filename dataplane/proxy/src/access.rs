//! The access log's line of a call.

use penstock_inspect::Form;

use crate::downstream::Downstream;
use crate::guard::finds;
use crate::identity::Identity;
use crate::shard::View;

/// How much of what a peer calls something is shown.
const SHOWN: usize = 128;

/// What it says of the request, which may be released long before the answer has ended.
pub(crate) struct Noted {
    server: String,
    verb: String,
    path: String,
    method: String,
    name: String,
}

impl Noted {
    pub(crate) fn of(down: &Downstream, view: &View) -> Self {
        let body = down.body();
        let envelope = down.message.single();
        let text = |text: Option<&penstock_mcp::Text>| {
            let shown = |text: &penstock_mcp::Text| text.decode(body).chars().take(SHOWN).collect();
            text.map_or_else(String::new, shown)
        };
        let path = down.head.path.of(&down.buffer);
        let route = view.world.route(path);
        let server = route.and_then(|route| view.world.snapshot.servers.get(route.server));
        Self {
            server: server.map_or_else(|| "-".to_owned(), |server| server.name.clone()),
            verb: printable(down.head.method.of(&down.buffer)),
            // One that no server has may be anything.
            path: match route {
                None if view.world.guards().any(|guard| finds(guard, path, Form::Text, view)) => {
                    "-".to_owned()
                }
                _ => printable(path),
            },
            method: text(envelope.and_then(|one| one.method.as_ref())),
            name: text(envelope.and_then(|one| one.name.as_ref())),
        }
    }

    /// As [`Noted::of`] where the message may name what must not be in a log.
    pub(crate) fn unnamed(down: &Downstream, view: &View) -> Self {
        let known = down.message.single().and_then(|one| one.known);
        let method = known.map_or_else(String::new, |known| known.as_str().to_owned());
        Self { method, name: String::new(), ..Self::of(down, view) }
    }

    /// Writes the line, after the answer.
    pub(crate) fn log(&self, down: &Downstream, micros: u64) {
        tracing::info!(
            target: "access",
            listener = down.rules.name,
            peer = down.peer.map(tracing::field::display),
            agent = down.caller.agent_name(),
            identity = down.caller.certificate.as_deref().map(Identity::name),
            server = self.server,
            verb = %self.verb,
            path = %self.path,
            method = self.method,
            name = self.name,
            status = down.status,
            micros,
        );
    }
}

/// Bytes of a peer's as text that is safe to show.
pub(crate) fn printable(bytes: &[u8]) -> String {
    bytes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
