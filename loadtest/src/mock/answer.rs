//! What one request is answered with, in JSON-RPC.

use std::borrow::Cow;

use penstock_mcp::{Envelope, Era, ErrorKind, Method, Revision};

use super::dice::{Draw, Throw};
use super::script::Script;
use super::text::{Choice, Hidden};
use super::wire::{Framing, stream_begin, stream_end};

/// The revision of `initialize` where the client asks for none that has it.
const LEGACY: Revision = Revision::V2025_11_25;
const CAPABILITIES: &str =
    r#"{"tools":{"listChanged":true},"resources":{},"prompts":{},"logging":{}}"#;
const CACHE: &[u8] = br#","ttlMs":60000,"cacheScope":"public""#;

/// A request that is to be answered.
pub(crate) struct Call<'a> {
    pub(crate) script: &'a Script,
    pub(crate) body: &'a [u8],
    pub(crate) envelope: &'a Envelope,
    /// As raw JSON.
    pub(crate) id: &'a [u8],
    pub(crate) modern: bool,
    pub(crate) keep_alive: bool,
}

/// Whether a method makes the server work: rates and latency are of these. What opens, keeps and
/// ends a conversation never fails.
pub(crate) fn is_work(method: Method) -> bool {
    matches!(
        method,
        Method::ToolsList
            | Method::ToolsCall
            | Method::ResourcesList
            | Method::ResourcesTemplatesList
            | Method::ResourcesRead
            | Method::PromptsList
            | Method::PromptsGet
    )
}

impl Call<'_> {
    /// `initialize`, without the session that it opens.
    pub(crate) fn initialize(&self) -> Vec<u8> {
        let asked = self.envelope.requested_version.map(|text| text.decode(self.body));
        let asked = asked.and_then(|name| Revision::from_bytes(name.as_bytes()));
        let revision = asked.filter(|revision| revision.era() == Era::Legacy).unwrap_or(LEGACY);
        let version = env!("CARGO_PKG_VERSION");
        let id = String::from_utf8_lossy(self.id);
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{}","capabilities":{CAPABILITIES},"serverInfo":{{"name":"mock","version":"{version}"}}}}}}"#,
            revision.as_str()
        )
        .into_bytes()
    }

    /// `server/discover`.
    pub(crate) fn discover(&self, out: &mut Vec<u8>) {
        let supported = Revision::V2026_07_28.as_str();
        let result = format!(
            r#"{{"resultType":"complete","supportedVersions":["{supported}"],"capabilities":{CAPABILITIES},"ttlMs":3600000,"cacheScope":"public"}}"#
        );
        self.result(out, &result);
    }

    /// A result that is at hand.
    pub(crate) fn result(&self, out: &mut Vec<u8>, result: &str) {
        let framing = Framing::Json { keep_alive: self.keep_alive };
        framing.message(
            out,
            &[br#"{"jsonrpc":"2.0","id":"#, self.id, br#","result":"#, result.as_bytes(), b"}"],
        );
    }

    /// A JSON-RPC error.
    pub(crate) fn error(&self, out: &mut Vec<u8>, kind: ErrorKind, said: &str) {
        let mut body = Vec::new();
        kind.write(Some(self.id), said, &mut body);
        Framing::Json { keep_alive: self.keep_alive }.message(out, &[&body]);
    }

    /// `resources/read`; none where it names no resource.
    pub(crate) fn read(&self, out: &mut Vec<u8>, throw: Throw) -> Option<()> {
        let uri = self.envelope.uri?.raw.of(self.body);
        let framing = Framing::Json { keep_alive: self.keep_alive };
        let before = [
            br#""contents":[{"uri":""#.as_slice(),
            uri,
            br#"","mimeType":"text/plain","text":""#.as_slice(),
        ];
        let cache = if self.modern { CACHE } else { b"" };
        self.texted(out, framing, throw, &before, &[br#""}]"#, cache]);
        Some(())
    }

    /// `prompts/get`; none where it names no prompt.
    pub(crate) fn prompt(&self, out: &mut Vec<u8>, throw: Throw) -> Option<()> {
        self.envelope.name?;
        let framing = Framing::Json { keep_alive: self.keep_alive };
        let before = br#""messages":[{"role":"user","content":{"type":"text","text":""#.as_slice();
        self.texted(out, framing, throw, &[before], &[br#""}}]"#]);
        Some(())
    }

    /// `tools/call`; the events that follow after some time each, none where it is answered at once.
    pub(crate) fn tool(&self, out: &mut Vec<u8>, throw: Throw) -> Vec<Vec<u8>> {
        let script = self.script;
        let token = self.envelope.progress_token.map(|token| token.of(self.body));
        if token.is_none() && !throw.happens(Draw::Stream, script.rates.stream) {
            let framing = Framing::Json { keep_alive: self.keep_alive };
            self.tool_result(out, framing, throw);
            return Vec::new();
        }
        stream_begin(out, self.keep_alive);
        let steps = if token.is_some() { script.progress_steps } else { 0 };
        if script.progress_every.is_zero() {
            (1..=steps).for_each(|step| self.progress(out, token.unwrap_or_default(), step));
            self.tool_result(out, Framing::Event, throw);
            stream_end(out);
            return Vec::new();
        }
        let mut later = Vec::with_capacity(steps);
        for step in 1..=steps {
            let mut event = Vec::new();
            self.progress(&mut event, token.unwrap_or_default(), step);
            later.push(event);
        }
        let mut last = Vec::new();
        self.tool_result(&mut last, Framing::Event, throw);
        stream_end(&mut last);
        later.push(last);
        // The first of them goes out with the head.
        out.append(&mut later.remove(0));
        later
    }

    fn tool_result(&self, out: &mut Vec<u8>, framing: Framing, throw: Throw) {
        let failed = throw.happens(Draw::ToolError, self.script.rates.tool_error);
        let after: &[u8] = if failed { br#""}],"isError":true"# } else { br#""}]"# };
        let before = br#""content":[{"type":"text","text":""#.as_slice();
        self.texted(out, framing, throw, &[before], &[after]);
    }

    /// A result with text in it, after some pieces and before some others.
    fn texted(
        &self,
        out: &mut Vec<u8>,
        framing: Framing,
        throw: Throw,
        before: &[&[u8]],
        after: &[&[u8]],
    ) {
        let script = self.script;
        let secret = throw.happens(Draw::Secret, script.rates.secret).then(|| {
            let mut random = throw.random(Draw::WhichSecret);
            Hidden { secret: script.secrets.pick(&mut random), random }
        });
        let choice = Choice { bytes: script.sizes.draw(throw), secret };
        let complete: &[u8] = if self.modern { br#""resultType":"complete","# } else { b"" };
        let head = [br#"{"jsonrpc":"2.0","id":"#, self.id, br#","result":{"#, complete];
        let sum = |pieces: &[&[u8]]| pieces.iter().map(|piece| piece.len()).sum::<usize>();
        framing.begin(out, sum(&head) + sum(before) + choice.len() + sum(after) + 2);
        for piece in head.iter().chain(before) {
            out.extend_from_slice(piece);
        }
        script.text.write(out, choice);
        for piece in after {
            out.extend_from_slice(piece);
        }
        out.extend_from_slice(b"}}");
        framing.end(out);
    }

    fn progress(&self, out: &mut Vec<u8>, token: &[u8], step: usize) {
        let rest = format!(r#","progress":{step},"total":{}}}}}"#, self.script.progress_steps);
        let start =
            br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"#;
        Framing::Event.message(out, &[start, token, rest.as_bytes()]);
    }

    /// What a subscription says first.
    pub(crate) fn acknowledged(&self, out: &mut Vec<u8>) {
        Framing::Event.message(out, &[self.subscribed("subscriptions/acknowledged").as_bytes()]);
    }

    /// What it says now and then, as it is sent.
    pub(crate) fn changed(&self) -> Vec<u8> {
        let mut event = Vec::new();
        Framing::Event.message(&mut event, &[self.subscribed("tools/list_changed").as_bytes()]);
        event
    }

    fn subscribed(&self, method: &str) -> String {
        let id = String::from_utf8_lossy(self.id);
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
        )
    }
}

/// What a legacy GET stream says now and then, as it is sent: a log message that names the session.
pub(crate) fn log_message(session: &[u8]) -> Vec<u8> {
    // Visible ASCII is all that a session id may hold; these two would end the JSON string.
    let session: Cow<'_, str> = String::from_utf8_lossy(session);
    let session = session.replace(['"', '\\'], "?");
    let message = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","logger":"mock","data":"{session}"}}}}"#
    );
    let mut event = Vec::new();
    Framing::Event.message(&mut event, &[message.as_bytes()]);
    event
}
