//! One kind of request, and what its answer has to be.

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use penstock_http1::Verb;
use penstock_mcp::{Message, Method, NameParam, ScanLimits};

use super::body::{Body, ID, PADDING};
use super::fields::{LEGACY, MODERN, line};
use super::{LETTERS, Operations};
use crate::engine::clock::nanoseconds;
use crate::plan::{Call, Era, Expect, Operation, Recorded, Size};
use crate::random::Random;

/// A request that can be rendered.
#[derive(Debug)]
pub(in crate::engine) struct Template {
    /// Its place among those of the plan; the engine's own have none.
    pub(in crate::engine) number: usize,
    /// Which of the report's operations it is.
    pub(in crate::engine) operation: u16,
    pub(in crate::engine) act: Act,
    pub(in crate::engine) verb: Verb,
    /// Lines of the head that it has of its own.
    pub(super) lines: Box<[u8]>,
    pub(super) body: Body,
    /// What its result must hold.
    pub(in crate::engine) member: Option<Member>,
    pub(in crate::engine) expect: Expect,
}

/// What a request is to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Act {
    /// Answered by a result or an error.
    Call,
    /// Answered by a status alone.
    Notify,
    /// Opens a further session.
    Open,
    /// Answered by a stream that stays open so many nanoseconds.
    Stream { hold: u64 },
    /// Ends a session.
    End,
}

/// A member of a result: its name, and the byte that a value of its type begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Member {
    pub(in crate::engine) name: &'static str,
    pub(in crate::engine) opens: u8,
}

impl Template {
    pub(super) fn end() -> Self {
        Self {
            number: usize::MAX,
            operation: u16::MAX,
            act: Act::End,
            verb: Verb::Delete,
            lines: Box::default(),
            body: Body::none(),
            member: None,
            expect: Expect::Success,
        }
    }
}

/// Makes templates of one era.
pub(super) struct Maker {
    pub(super) era: Era,
}

impl Maker {
    /// Of a part of the mix.
    pub(super) fn operation(
        &self,
        operation: &Operation,
        operations: &mut Operations,
    ) -> Result<Template> {
        let simple = |method: &str, params: Option<String>, name: String, operations: &mut _| {
            self.request(method, params.as_deref(), Vary::default(), name, operations)
        };
        match (operation, self.era) {
            (Operation::Initialize, Era::Legacy) => {
                let operation = operations.index("initialize".to_owned());
                Ok(Template { operation, ..Self::initialize()? })
            }
            (Operation::Initialize, Era::Modern) => {
                simple("server/discover", None, "server/discover".to_owned(), operations)
            }
            (Operation::List, _) => simple("tools/list", None, "tools/list".to_owned(), operations),
            (Operation::Ping, _) => simple("ping", None, "ping".to_owned(), operations),
            (Operation::Read { uri }, _) => {
                let params = format!(r#"{{"uri":{}}}"#, quoted(uri)?);
                simple("resources/read", Some(params), format!("resources/read {uri}"), operations)
            }
            (Operation::Prompt { name }, _) => {
                let params = format!(r#"{{"name":{}}}"#, quoted(name)?);
                simple("prompts/get", Some(params), format!("prompts/get {name}"), operations)
            }
            (Operation::Call(call), _) => self.call(call, operations),
            (Operation::Stream { hold }, era) => {
                let act = Act::Stream { hold: nanoseconds(*hold) };
                if era == Era::Modern {
                    let params = r#"{"notifications":{"toolsListChanged":true}}"#.to_owned();
                    let name = "subscriptions/listen".to_owned();
                    let template = simple("subscriptions/listen", Some(params), name, operations)?;
                    return Ok(Template { act, ..template });
                }
                let operation = operations.index("GET stream".to_owned());
                Ok(Template { operation, act, verb: Verb::Get, ..Template::end() })
            }
        }
    }

    /// Of a request of a recording, which holds none that opens a session or a stream.
    pub(super) fn recorded(
        &self,
        message: &Recorded,
        operations: &mut Operations,
    ) -> Result<Template> {
        let method = message.method.as_str();
        let name = message.params.as_deref().and_then(|params| named(method, params));
        let label = match &name {
            Some(name) => format!("{method} {name}"),
            None => method.to_owned(),
        };
        self.request(method, message.params.as_deref(), Vary::default(), label, operations)
    }

    fn call(&self, call: &Call, operations: &mut Operations) -> Result<Template> {
        let mut vary = Vary { progress: call.progress, padding: None };
        let mut arguments = call.arguments.trim().to_owned();
        match call.padding_bytes {
            Size::Fixed(0) => {}
            Size::Fixed(bytes) => {
                // The same letters in every run: they are no part of what a seed decides.
                let mut random = Random::of(0, bytes as u64);
                let mut letter = || LETTERS.get(random.below(LETTERS.len())).copied();
                let letters: String =
                    (0..bytes).map(|_| char::from(letter().unwrap_or(b'x'))).collect();
                arguments = with_member(&arguments, &format!(r#""padding":"{letters}""#))?;
            }
            Size::Between(least, most) => {
                ensure!(least <= most, "padding from {least} to {most} bytes: swap the two");
                vary.padding = Some((least, most));
                arguments = with_member(&arguments, &format!(r#""padding":"{PADDING}""#))?;
            }
        }
        let tool = &call.tool;
        let params = format!(r#"{{"name":{},"arguments":{arguments}}}"#, quoted(tool)?);
        let label = format!("tools/call {tool}");
        let template = self.request("tools/call", Some(&params), vary, label, operations)?;
        Ok(Template { expect: call.expect, ..template })
    }

    /// Of `initialize` as the protocol asks for it; its operation is left open.
    pub(super) fn initialize() -> Result<Template> {
        let info = client_info()?;
        let revision = LEGACY.as_str();
        let params = format!(
            r#"{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{info}}}"#
        );
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":{ID},"method":"initialize","params":{params}}}"#);
        Ok(Template {
            act: Act::Open,
            verb: Verb::Post,
            body: Body::new(&text, None),
            member: member_of("initialize"),
            ..Template::end()
        })
    }

    pub(super) fn announce(&self) -> Result<Template> {
        let method = "notifications/initialized";
        let label = method.to_owned();
        let template =
            self.request(method, None, Vary::default(), label, &mut Operations::default())?;
        Ok(Template { act: Act::Notify, operation: u16::MAX, ..template })
    }

    fn request(
        &self,
        method: &str,
        params: Option<&str>,
        vary: Vary,
        label: String,
        operations: &mut Operations,
    ) -> Result<Template> {
        let params = self.with_meta(params, vary.progress)?;
        let lines = self.lines(method, params.as_deref())?;
        let id = if method.starts_with("notifications/") {
            String::new()
        } else {
            format!(r#""id":{ID},"#)
        };
        let method_text = quoted(method)?;
        let params_text =
            params.map_or_else(String::new, |params| format!(r#","params":{params}"#));
        let text = format!(r#"{{"jsonrpc":"2.0",{id}"method":{method_text}{params_text}}}"#);
        Ok(Template {
            number: usize::MAX,
            operation: operations.index(label),
            act: Act::Call,
            verb: Verb::Post,
            lines,
            body: Body::new(&text, vary.padding),
            member: member_of(method),
            expect: Expect::Success,
        })
    }

    /// `params` with the `_meta` that the era asks for.
    fn with_meta(&self, params: Option<&str>, progress: bool) -> Result<Option<String>> {
        let mut meta = Vec::new();
        if self.era == Era::Modern {
            let info = client_info()?;
            let revision = MODERN.as_str();
            meta.push(format!(r#""io.modelcontextprotocol/protocolVersion":"{revision}""#));
            meta.push(r#""io.modelcontextprotocol/clientCapabilities":{}"#.to_owned());
            meta.push(format!(r#""io.modelcontextprotocol/clientInfo":{info}"#));
        }
        if progress {
            meta.push(format!(r#""progressToken":{ID}"#));
        }
        if meta.is_empty() {
            return Ok(params.map(str::to_owned));
        }
        let member = format!(r#""_meta":{{{}}}"#, meta.join(","));
        with_member(params.unwrap_or("{}"), &member).map(Some)
    }

    /// The lines that route a message of the modern era; legacy sessions have theirs.
    fn lines(&self, method: &str, params: Option<&str>) -> Result<Box<[u8]>> {
        if self.era == Era::Legacy {
            return Ok(Box::default());
        }
        let mut lines = line("MCP-Protocol-Version", MODERN.as_str());
        ensure!(
            method.bytes().all(|byte| byte.is_ascii_graphic()),
            "method `{method}` cannot be sent: it is not visible ASCII"
        );
        lines += &line("Mcp-Method", method);
        if let Some(name) = params.and_then(|params| named(method, params)) {
            lines += &line("Mcp-Name", &header_value(&name));
        }
        Ok(lines.into_bytes().into())
    }
}

/// What differs from call to call beside the id.
#[derive(Clone, Copy, Default)]
struct Vary {
    progress: bool,
    padding: Option<(usize, usize)>,
}

/// The result of a method has this member (2025-11-25 and 2026-07-28, schema).
fn member_of(method: &str) -> Option<Member> {
    let array = |name| Some(Member { name, opens: b'[' });
    match Method::from_bytes(method.as_bytes())? {
        Method::Initialize => Some(Member { name: "protocolVersion", opens: b'"' }),
        Method::ServerDiscover => array("supportedVersions"),
        Method::ToolsList => array("tools"),
        Method::ToolsCall => array("content"),
        Method::PromptsList => array("prompts"),
        Method::PromptsGet => array("messages"),
        Method::ResourcesList => array("resources"),
        Method::ResourcesRead => array("contents"),
        Method::ResourcesTemplatesList => array("resourceTemplates"),
        Method::CompletionComplete => Some(Member { name: "completion", opens: b'{' }),
        _ => None,
    }
}

/// What `Mcp-Name` repeats of these params.
fn named(method: &str, params: &str) -> Option<String> {
    let name: NameParam = Method::from_bytes(method.as_bytes())?.name_param()?;
    let whole = format!(r#"{{"jsonrpc":"2.0","method":"x","params":{params}}}"#);
    let mut message = Message::new();
    // The places that are filled in later are no JSON.
    let whole = whole.replace(ID, "0").replace(PADDING, "");
    message.scan(whole.as_bytes(), &ScanLimits { depth: 128, batch: 1 }).ok()?;
    let text = name.of(message.single()?)?;
    Some(text.decode(whole.as_bytes()).into_owned())
}

/// As it stands if it may stand in a header, else in base64 (2026-07-28, transports).
fn header_value(name: &str) -> String {
    let plain = name.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && name.trim() == name
        && !name.starts_with("=?base64?");
    if plain { name.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(name)) }
}

/// A JSON object with one more member at its end.
fn with_member(object: &str, member: &str) -> Result<String> {
    let inside = object.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(inside) = inside else { bail!("`{object}` is no JSON object: write `{{…}}`") };
    let comma = if inside.trim().is_empty() { "" } else { "," };
    Ok(format!("{{{inside}{comma}{member}}}"))
}

fn quoted(text: &str) -> Result<String> {
    serde_json::to_string(text).context("a text that JSON cannot hold")
}

fn client_info() -> Result<String> {
    Ok(format!(
        r#"{{"name":"penstock-loadtest","version":{}}}"#,
        quoted(env!("CARGO_PKG_VERSION"))?
    ))
}
