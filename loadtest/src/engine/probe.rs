//! One call before the load, so that what is wrong from the start is said once, with advice.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::answer::{Form, Head, Heads, Listener};
use super::check::{Checker, Found, revision_of};
use super::clock::{SECOND, nanoseconds, now};
use super::connection::{Connection, Heard, State};
use super::failure::example;
use super::request::{Act, Id, Ids, Template, opened_lines, session_lines};
use super::stint::Setting;
use super::transport::{Readiness, Transport};
use crate::plan::{Era, Expect};
use crate::random::Random;

/// No longer than this, whatever the plan's timeout: somebody waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes one call as the plan's first agent would, and looks at all of its answer.
pub(super) fn probe(setting: &Setting<'_>) -> Result<()> {
    let plan = setting.plan;
    let mut prober = Prober {
        setting,
        connection: connect(setting)?,
        ids: Ids::new(0),
        random: Random::of(plan.seed, 0),
        checker: Checker::new(),
        fields: plan
            .agents
            .first()
            .map(|agent| session_lines(plan, agent))
            .transpose()?
            .unwrap_or_default(),
    };
    let requests = &setting.requests;
    if plan.era == Era::Legacy {
        prober.open()?;
    }
    let callable = |one: &&Template| one.act == Act::Call && one.expect != Expect::Refusal;
    match requests.templates.iter().find(callable) {
        Some(template) => prober.call(template)?,
        // Streams and sessions alone: a greeting shows as much.
        None if plan.era == Era::Modern
            && requests.templates.iter().any(|one| one.act != Act::Call) =>
        {
            prober.call(&super::request::Requests::greeting(plan)?)?;
        }
        // Refusals are what is wanted.
        None => {}
    }
    if plan.era == Era::Legacy {
        // A session that does not end is the server's, and the load will show it.
        let _ = prober.exchange(&requests.end);
    }
    Ok(())
}

struct Prober<'a> {
    setting: &'a Setting<'a>,
    connection: Connection,
    ids: Ids,
    random: Random,
    checker: Checker,
    /// Header lines of the agent, and of the session once it is open.
    fields: Vec<u8>,
}

/// An answer with all that is asked of it here.
#[derive(Debug, Default)]
struct Said {
    id: Option<Id>,
    status: u16,
    content_type: String,
    challenge: Option<String>,
    session: Option<Vec<u8>>,
    messages: Vec<(Vec<u8>, Form)>,
}

impl Listener for Said {
    fn head(&mut self, head: Head<'_>) {
        let text = |name| head.value(name).map(|value| String::from_utf8_lossy(value).into_owned());
        self.status = head.status;
        self.content_type = text("content-type").unwrap_or_default();
        self.challenge = text("www-authenticate");
        self.session = head.value("mcp-session-id").filter(|id| !id.is_empty()).map(<[u8]>::to_vec);
    }

    fn message(&mut self, text: &[u8], form: Form) {
        self.messages.push((text.to_vec(), form));
    }
}

impl Prober<'_> {
    /// Opens a legacy session.
    fn open(&mut self) -> Result<()> {
        let plan = self.setting.plan;
        let requests = &self.setting.requests;
        let said = self.exchange(&requests.initialize).context("initialize was not answered")?;
        let answer = self.judge(&said, &requests.initialize, "initialize")?;
        let revision = revision_of(&answer).unwrap_or_default();
        self.fields.extend(opened_lines(plan, revision, said.session.as_deref()));
        let said = self
            .exchange(&requests.announce)
            .context("notifications/initialized was not answered")?;
        if !(200..300).contains(&said.status) {
            bail!("notifications/initialized was answered {}", told(&said));
        }
        Ok(())
    }

    fn call(&mut self, template: &Template) -> Result<()> {
        let operations = &self.setting.requests.operations;
        let name =
            operations.get(usize::from(template.operation)).map_or("the call", String::as_str);
        let said = self.exchange(template).with_context(|| format!("{name} was not answered"))?;
        self.judge(&said, template, name).map(|_| ())
    }

    /// The answer, if it is what it should be.
    fn judge(&mut self, said: &Said, template: &Template, name: &str) -> Result<Vec<u8>> {
        let id = said.id.unwrap_or(self.ids.next());
        let refusable = template.expect != Expect::Success;
        if said.status != 200 {
            let body = said.messages.first().map_or(&[][..], |(body, _)| body);
            if refusable && self.checker.refused(said.status, body, &id, template).is_ok() {
                return Ok(body.to_vec());
            }
            bail!("{name} was answered {}{}", told(said), self.advice(said));
        }
        for (text, form) in &said.messages {
            if *form == Form::Other {
                bail!(
                    "{name} was answered with content-type `{}`: {}; is this the URL of an MCP \
                     server's endpoint?",
                    said.content_type,
                    example(text)
                );
            }
            match self.checker.message(text, &id, template) {
                Found::Answer(Ok(())) => return Ok(text.clone()),
                Found::Answer(Err(fault)) => bail!(
                    "{name} was answered wrongly ({}): {}{}",
                    fault.what,
                    example(text),
                    self.advice(said)
                ),
                Found::Other => {}
            }
        }
        bail!("{name} was answered by a stream that ended without the answer")
    }

    /// What to do, where what was said is known to mean something.
    fn advice(&self, said: &Said) -> String {
        let body = said.messages.first().map_or(&[][..], |(body, _)| body);
        let body = String::from_utf8_lossy(body);
        let has = |what: &str| body.contains(what);
        match (said.status, self.setting.plan.era) {
            (401, _) => {
                let challenge = said.challenge.as_deref().unwrap_or("no WWW-Authenticate");
                format!(
                    " ({challenge}): the server wants a token, or another one; give the agents theirs"
                )
            }
            (403, _) => {
                ": the server refuses this agent, or this Host; check its token, and what the \
                         server allows"
                    .to_owned()
            }
            (400, Era::Modern)
                if has("-32022") || has("ession") || has("ersion") || has("-32020") =>
            {
                "; that is how a server of the older revisions answers: try --era legacy".to_owned()
            }
            (200 | 400, Era::Modern) if has("nitialize") || has("-32022") => {
                "; that is how a server of the older revisions answers: try --era legacy".to_owned()
            }
            (400 | 404 | 200, Era::Legacy)
                if has("-32022") || has("-32601") || has("_meta") || has("-32020") =>
            {
                "; that is how a server of revision 2026-07-28 answers: try --era modern".to_owned()
            }
            (404 | 405, _) => "; is this the URL of an MCP server's endpoint?".to_owned(),
            (429, _) => "; the server limits the rate already for one call".to_owned(),
            (502..=504, _) => "; a gateway answered, and the server behind it does not".to_owned(),
            _ => String::new(),
        }
    }

    fn exchange(&mut self, template: &Template) -> Result<Said> {
        if self.connection.transport.is_none() {
            self.connection = connect(self.setting)?;
        }
        let id = self.ids.next();
        let mut out = Vec::new();
        self.setting.requests.render(template, &self.fields, &id, &mut self.random, &mut out);
        let deadline = deadline(self.setting);
        let mut all = self.connection.send(&out).context("it cannot be sent")?;
        let mut said = Said { id: Some(id), ..Said::default() };
        let (mut scratch, mut heads) = (vec![0; 64 << 10], Heads::default());
        loop {
            let Some(transport) = &self.connection.transport else {
                bail!("the connection is gone")
            };
            wait(transport, !all, deadline)?;
            if !all {
                all = self.connection.send_rest().context("it cannot be sent")?;
            }
            match self.connection.hear(template.verb, &mut scratch, &mut heads, &mut said).0 {
                Heard::More => {}
                Heard::Ended(super::answer::Keep::Alive) => return Ok(said),
                Heard::Ended(super::answer::Keep::Close) => {
                    self.connection.close();
                    return Ok(said);
                }
                Heard::Broken(fault) => {
                    let came = said.messages.first().map(|(text, _)| example(text));
                    bail!(
                        "{}{}",
                        fault.what,
                        came.map(|text| format!(": {text}")).unwrap_or_default()
                    )
                }
            }
        }
    }
}

/// Status and body, in a line.
fn told(said: &Said) -> String {
    let body = said.messages.first().map(|(body, _)| example(body)).unwrap_or_default();
    let reason = penstock_http1::reason(said.status);
    let colon = if body.is_empty() { "" } else { ": " };
    format!("HTTP {} {reason}{colon}{body}", said.status)
}

/// A connection to the first address that gives one.
fn connect(setting: &Setting<'_>) -> Result<Connection> {
    let target = &setting.plan.target;
    let mut why = String::new();
    for address in &target.addresses {
        match connect_to(*address, setting) {
            Ok(transport) => {
                let mut connection = Connection::new(State::Busy);
                connection.transport = Some(transport);
                return Ok(connection);
            }
            Err(error) => {
                if !why.is_empty() {
                    why += "; ";
                }
                why += &format!("{address}: {error}{}", advice_on(&error, setting));
            }
        }
    }
    bail!("no connection to {}: {why}", target.url)
}

fn connect_to(address: SocketAddr, setting: &Setting<'_>) -> io::Result<Transport> {
    let deadline = deadline(setting);
    let mut transport = Transport::begin(address, setting.secure.as_ref())?;
    wait(&transport, true, deadline)?;
    loop {
        match transport.go_on()? {
            Readiness::Ready => return Ok(transport),
            Readiness::Waits { writable } => wait(&transport, writable, deadline)?,
        }
    }
}

fn advice_on(error: &io::Error, setting: &Setting<'_>) -> &'static str {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => " (is the server running, and listening there?)",
        io::ErrorKind::TimedOut => " (is the address right, and no firewall between?)",
        io::ErrorKind::InvalidData
            if text.contains("UnknownIssuer") || text.contains("BadSignature") =>
        {
            " (its certificate is of an authority that is not trusted here; name the authority's file)"
        }
        io::ErrorKind::InvalidData if text.contains("InvalidContentType") => {
            " (it does not speak TLS there; is it http:// ?)"
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
            if setting.secure.is_some() =>
        {
            " (it closed during the TLS handshake; does it want a client's certificate, or speak plain HTTP?)"
        }
        _ => "",
    }
}

fn deadline(setting: &Setting<'_>) -> u64 {
    now() + nanoseconds(setting.plan.timeout.min(PATIENCE))
}

/// Waits until something has come, or with `writable` can be sent.
fn wait(transport: &Transport, writable: bool, deadline: u64) -> io::Result<()> {
    let mut flags = PollFlags::IN;
    flags.set(PollFlags::OUT, writable);
    loop {
        let left = deadline.saturating_sub(now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left / SECOND).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(left % SECOND).unwrap_or(0),
        };
        match poll(&mut [PollFd::new(transport, flags)], Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
