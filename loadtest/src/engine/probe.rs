//! One call before the load, so that what is wrong from the start is said once, with advice.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::answer::{Form, Head, Heads, Keep, Listener};
use super::asked::Asked;
use super::check::{Checker, Found, revision_of};
use super::clock::{MILLISECOND, nanoseconds, now};
use super::connection::{Connection, Heard, State};
use super::failure::{Fault, example};
use super::request::{Act, Id, Ids, Requests, Template, opened_lines, session_lines};
use super::stint::Setting;
use super::transport::{Readiness, Transport};
use crate::plan::{Era, Expect};
use crate::random::Random;

/// No longer than this, whatever the plan's timeout: somebody waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the probe's session may take to end.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often it looks for a signal while it waits.
const LOOK: u64 = 50 * MILLISECOND;
/// Requests of the server's that are answered while one call is.
const ASKED_MAX: usize = 64;

/// What became of the probe, if the target did nothing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probed {
    Answered,
    /// By a signal.
    Stopped,
}

/// Makes one call as the plan's first agent would, and looks at all of its answer.
pub(super) fn probe(
    setting: &Setting<'_>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Probed> {
    let mut patience = Patience { most: PATIENCE, until: 0, interrupted, stopped: false };
    let probed = attempt(setting, &mut patience);
    if patience.stopped { Ok(Probed::Stopped) } else { probed.map(|()| Probed::Answered) }
}

fn attempt(setting: &Setting<'_>, patience: &mut Patience<'_>) -> Result<()> {
    let plan = setting.plan;
    let mut prober = Prober {
        setting,
        connection: connect(setting, patience)?,
        patience,
        has_session: false,
        ids: Ids::new(0),
        random: Random::of(plan.seed, 0),
        checker: Checker::new(),
        fields: plan.agents.first().map(session_lines).unwrap_or_default(),
    };
    let answered = prober.calls();
    if answered.is_err() {
        // Whatever is under way on it is not waited for.
        prober.connection.close();
    }
    prober.end();
    answered
}

/// How long something is waited for.
struct Patience<'a> {
    most: Duration,
    until: u64,
    interrupted: &'a mut dyn FnMut() -> bool,
    /// A signal came: nothing is waited for any more.
    stopped: bool,
}

struct Prober<'a, 'p> {
    setting: &'a Setting<'a>,
    connection: Connection,
    patience: &'a mut Patience<'p>,
    has_session: bool,
    ids: Ids,
    random: Random,
    checker: Checker,
    /// Header lines of the agent, and of the session once it is open.
    fields: Vec<u8>,
}

/// An answer with all that is asked of it here.
#[derive(Debug, Default)]
struct Said {
    status: u16,
    content_type: String,
    challenge: Option<String>,
    session: Option<Vec<u8>>,
    /// The first message, and the first that answers the call, with what is wrong with it. Others
    /// that a stream brings are not kept, however many they are.
    first: Option<(Vec<u8>, Form)>,
    answer: Option<(Vec<u8>, Result<(), Fault>)>,
}

/// Hears what is said.
struct Hearing<'a> {
    said: Said,
    checker: &'a mut Checker,
    template: &'a Template,
    id: Id,
    /// What the server wants to know before it answers.
    asked: Vec<Asked>,
}

impl Listener for Hearing<'_> {
    fn head(&mut self, head: Head<'_>) {
        let text = |name| head.value(name).map(|value| String::from_utf8_lossy(value).into_owned());
        let said = &mut self.said;
        said.status = head.status;
        said.content_type = text("content-type").unwrap_or_default();
        said.challenge = text("www-authenticate");
        said.session = head.value("mcp-session-id").filter(|id| !id.is_empty()).map(<[u8]>::to_vec);
    }

    fn message(&mut self, text: &[u8], form: Form) {
        let (said, template) = (&mut self.said, self.template);
        if said.first.is_none() {
            said.first = Some((text.to_vec(), form));
        }
        if said.answer.is_some() || matches!(template.act, Act::Notify | Act::End) {
            return;
        }
        let judged = if said.status != 200 {
            Some(self.checker.refused(said.status, text, &self.id, template))
        } else if form == Form::Other {
            None
        } else {
            match self.checker.message(text, &self.id, template) {
                Found::Answer(judged) => Some(judged),
                Found::Asked(asked) => {
                    self.asked.extend((self.asked.len() < ASKED_MAX).then_some(asked));
                    None
                }
                Found::Other => None,
            }
        };
        said.answer = judged.map(|judged| (text.to_vec(), judged));
    }
}

impl Prober<'_, '_> {
    fn calls(&mut self) -> Result<()> {
        let plan = self.setting.plan;
        let requests = &self.setting.requests;
        if plan.era == Era::Legacy {
            self.open()?;
        }
        let callable = |one: &&Template| one.act == Act::Call && one.expect != Expect::Refusal;
        match requests.templates.iter().find(callable) {
            Some(template) => self.call(template),
            // Streams and sessions alone: a greeting shows as much.
            None if plan.era == Era::Modern
                && requests.templates.iter().any(|one| one.act != Act::Call) =>
            {
                self.call(&Requests::greeting(plan)?)
            }
            // Refusals are what is wanted.
            None => Ok(()),
        }
    }

    /// Ends the session, also when what it was for failed. One that does not end is the server's
    /// affair, and the load will show it.
    fn end(&mut self) {
        if self.has_session {
            let stopped = std::mem::take(&mut self.patience.stopped);
            let requests = &self.setting.requests;
            let _ = self.exchange(&requests.end, FAREWELL);
            self.patience.stopped |= stopped;
        }
    }

    /// Opens a legacy session.
    fn open(&mut self) -> Result<()> {
        let plan = self.setting.plan;
        let requests = &self.setting.requests;
        let said =
            self.exchange(&requests.initialize, PATIENCE).context("initialize was not answered")?;
        let answer = self.judge(&said, &requests.initialize, "initialize")?;
        let revision = revision_of(&answer).unwrap_or_default();
        self.has_session = said.session.is_some();
        self.fields.extend(opened_lines(plan.era, revision, said.session.as_deref()));
        let said = self
            .exchange(&requests.announce, PATIENCE)
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
        let said = self
            .exchange(template, PATIENCE)
            .with_context(|| format!("{name} was not answered"))?;
        self.judge(&said, template, name).map(|_| ())
    }

    /// The answer, if it is what it should be.
    fn judge(&self, said: &Said, template: &Template, name: &str) -> Result<Vec<u8>> {
        match (&said.answer, &said.first) {
            (Some((text, Ok(()))), _)
                if said.status == 200 || template.expect != Expect::Success =>
            {
                Ok(text.clone())
            }
            _ if said.status != 200 => {
                bail!("{name} was answered {}{}", told(said), self.advice(said))
            }
            (Some((text, Err(fault))), _) => bail!(
                "{name} was answered wrongly ({}): {}{}",
                fault.what,
                example(text),
                self.advice(said)
            ),
            (_, Some((text, Form::Other))) => bail!(
                "{name} was answered with content-type `{}`: {}; is this the URL of an MCP \
                 server's endpoint?",
                said.content_type,
                example(text)
            ),
            _ => bail!("{name} was answered by a stream that ended without the answer"),
        }
    }

    /// What to do, where what was said is known to mean something.
    fn advice(&self, said: &Said) -> String {
        let text = said.answer.as_ref().map(|(text, _)| text);
        let text = text.or(said.first.as_ref().map(|(text, _)| text));
        let body = String::from_utf8_lossy(text.map_or(&[][..], Vec::as_slice));
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

    fn exchange(&mut self, template: &Template, patience: Duration) -> Result<Said> {
        self.patience.most = patience;
        if self.connection.transport.is_none() {
            self.connection = connect(self.setting, self.patience)?;
        }
        self.patience.until = deadline(self.setting, patience);
        let id = self.ids.next();
        let mut out = Vec::new();
        self.setting.requests.render(template, &self.fields, &id, &mut self.random, &mut out);
        let mut all = self.connection.send(&out).context("it cannot be sent")?;
        let checker = &mut self.checker;
        let mut hearing =
            Hearing { said: Said::default(), checker, template, id, asked: Vec::new() };
        let (mut scratch, mut heads) = (vec![0; 64 << 10], Heads::default());
        // Kept until the call is over; what is said on them is not heard.
        let mut asides = Vec::new();
        let plan = self.setting.plan;
        loop {
            let Some(transport) = &self.connection.transport else {
                bail!("the connection is gone")
            };
            self.patience.wait(transport, !all)?;
            if !all {
                all = self.connection.send_rest().context("it cannot be sent")?;
            }
            let heard =
                self.connection.hear(template.verb, &mut scratch, &mut heads, &mut hearing).0;
            for asked in hearing.asked.drain(..).filter(|_| plan.era == Era::Legacy) {
                let until = self.patience.until;
                let mut aside = connect(self.setting, self.patience)?;
                self.patience.until = until;
                let sent = aside.send(&self.setting.requests.reply(&self.fields, &asked));
                sent.context("what the server asks cannot be answered")?;
                asides.push(aside);
            }
            match heard {
                // What follows the answer on its stream is not waited for.
                Heard::More if hearing.said.answer.is_none() => {}
                Heard::Ended(Keep::Alive) if self.connection.all_sent() => {
                    return Ok(hearing.said);
                }
                Heard::More | Heard::Ended(_) => {
                    self.connection.close();
                    return Ok(hearing.said);
                }
                Heard::Broken(fault) => {
                    self.connection.close();
                    let came = hearing.said.first.map(|(text, _)| example(&text));
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
    let body = said.first.as_ref().map(|(body, _)| example(body)).unwrap_or_default();
    let reason = penstock_http1::reason(said.status);
    let colon = if body.is_empty() { "" } else { ": " };
    format!("HTTP {} {reason}{colon}{body}", said.status)
}

/// A connection to the first address that gives one.
fn connect(setting: &Setting<'_>, patience: &mut Patience<'_>) -> Result<Connection> {
    let target = &setting.plan.target;
    let mut why = String::new();
    for address in &target.addresses {
        match connect_to(*address, setting, patience) {
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

fn connect_to(
    address: SocketAddr,
    setting: &Setting<'_>,
    patience: &mut Patience<'_>,
) -> io::Result<Transport> {
    patience.until = deadline(setting, patience.most);
    let mut transport = Transport::begin(address, setting.secure.as_ref())?;
    patience.wait(&transport, true)?;
    loop {
        match transport.go_on()? {
            Readiness::Ready => return Ok(transport),
            Readiness::Waits { writable } => patience.wait(&transport, writable)?,
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

fn deadline(setting: &Setting<'_>, patience: Duration) -> u64 {
    now() + nanoseconds(setting.plan.timeout.min(patience))
}

impl Patience<'_> {
    /// Waits until something has come, or with `writable` can be sent.
    fn wait(&mut self, transport: &Transport, writable: bool) -> io::Result<()> {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, writable);
        loop {
            self.stopped = self.stopped || (self.interrupted)();
            if self.stopped {
                return Err(io::ErrorKind::Interrupted.into());
            }
            // Looked at also where something is always there.
            let left = self.until.saturating_sub(now());
            if left == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let slice = i64::try_from(left.min(LOOK)).unwrap_or(0);
            let timeout = Timespec { tv_sec: 0, tv_nsec: slice };
            match poll(&mut [PollFd::new(transport, flags)], Some(&timeout)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
