//! One call before the load, so that what is wrong from the start is said once, with advice.

mod advice;

use std::collections::HashSet;
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
use crate::plan::{Agent, Era, Expect, FIRST_CALLS_MAX, Plan};
use crate::random::Random;
use crate::report::units;

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

/// Makes one call with each token of the plan, up to a limit, and looks at all of the answer.
pub(super) fn probe(
    setting: &Setting<'_>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Probed> {
    let mut patience =
        Patience { most: PATIENCE, given: PATIENCE, until: 0, interrupted, stopped: false };
    for agent in callers(setting.plan) {
        let probed = attempt(setting, agent, &mut patience);
        if patience.stopped {
            return Ok(Probed::Stopped);
        }
        match &agent.source {
            Some(source) => probed.with_context(|| format!("with the token in {source}"))?,
            None => probed?,
        }
    }
    Ok(Probed::Answered)
}

/// The first agent of each token.
fn callers(plan: &Plan) -> impl Iterator<Item = &Agent> {
    let mut seen = HashSet::new();
    let agents = plan.agents.iter().filter(move |agent| seen.insert(agent.token.as_deref()));
    agents.take(FIRST_CALLS_MAX)
}

fn attempt(setting: &Setting<'_>, agent: &Agent, patience: &mut Patience<'_>) -> Result<()> {
    let plan = setting.plan;
    let mut prober = Prober {
        setting,
        connection: connect(setting, patience)?,
        patience,
        has_session: false,
        ids: Ids::new(0),
        random: Random::of(plan.seed, 0),
        checker: Checker::new(),
        fields: session_lines(agent),
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
    /// That, or the plan's timeout.
    given: Duration,
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
    location: Option<String>,
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
        said.location = text("location");
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
                bail!(
                    "{name} was answered {}{}",
                    told(said),
                    advice::on_answer(said, self.setting.plan.era)
                )
            }
            (Some((text, Err(fault))), _) => bail!(
                "{name} was answered wrongly ({}): {}{}",
                fault.what,
                example(text),
                advice::on_answer(said, self.setting.plan.era)
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

    /// Of an answer that is none.
    fn advice_on(&self, fault: &Fault) -> &'static str {
        let what = io::Error::new(io::ErrorKind::InvalidData, fault.what.to_string());
        match self.setting.plan.target.addresses.first() {
            _ if self.setting.secure.is_some() => advice::on_error(&what, self.setting),
            Some(address) if advice::speaks_tls(*address) => advice::HTTPS,
            _ => "",
        }
    }

    fn exchange(&mut self, template: &Template, patience: Duration) -> Result<Said> {
        self.patience.most = patience;
        if self.connection.transport.is_none() {
            self.connection = connect(self.setting, self.patience)?;
        }
        self.patience.begin(self.setting, patience);
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
                    let came = came.map(|text| format!(": {text}")).unwrap_or_default();
                    bail!("{}{came}{}", fault.what, self.advice_on(&fault))
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
                why += &format!("{address}: {error}{}", advice::on_error(&error, setting));
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
    patience.begin(setting, patience.most);
    let mut transport = Transport::begin(address, setting.secure.as_ref())?;
    patience.wait(&transport, true)?;
    loop {
        match transport.go_on()? {
            Readiness::Ready => return Ok(transport),
            Readiness::Waits { writable } => patience.wait(&transport, writable)?,
        }
    }
}

impl Patience<'_> {
    fn begin(&mut self, setting: &Setting<'_>, most: Duration) {
        self.given = setting.plan.timeout.min(most);
        self.until = now() + nanoseconds(self.given);
    }

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
                let after = units::seconds(self.given.as_secs_f64());
                let said = format!("timed out after {after}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, said));
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
