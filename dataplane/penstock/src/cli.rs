//! What may stand on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use penstock_inspect::Class;

use crate::terminal::Color;

/// An MCP gateway data plane: one proxy that every MCP call of an agent host goes through.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "\
Examples:
  penstock init                          write a first configuration
  penstock init --from ~/.claude.json    take over the servers of an MCP client
  penstock check                         say what is wrong with it, if anything
  penstock doctor --connect              say what is wrong with the host and the upstreams
  penstock serve                         serve it
  penstock run --agent claude -- claude  run a command with no way out but penstock
  penstock inspect server.log            find secrets and personal data in a file

The configuration is --config, else $PENSTOCK_CONFIG, else ./penstock.yaml, else \
/etc/penstock/penstock.yaml; `inspect` and `rules` read one only where --config or --server is \
given. Exit codes are those of sysexits.h."
)]
pub(crate) struct Cli {
    /// The configuration.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// When to colour: `auto` is on a terminal, unless `NO_COLOR` is set.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the configuration until SIGTERM.
    #[command(after_help = "\
Examples:
  penstock serve
  penstock serve --config /etc/penstock/penstock.yaml
  kill -HUP $(pidof penstock)            load the configuration anew

SIGHUP, or a change of the file or of a certificate in it, reloads; with an error in it nothing \
changes, and the log says why. SIGTERM or Ctrl-C lets calls end for `limits.drain_timeout`, a \
second one does not. Exits with 0 then, with 78 where the configuration is wrong, with 69 where \
something else keeps it from serving, such as an address in use.")]
    Serve,
    /// Run a command as an agent of the configuration, with no way out but penstock.
    #[command(after_help = "\
Examples:
  sudo penstock run --agent claude -- claude
  sudo penstock run --agent build --user ci -- npm test
  sudo env \"PATH=$PATH\" penstock run --agent claude -- claude

Needs root (CAP_BPF, CAP_NET_ADMIN, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, \
CAP_SETPCAP, CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER, CAP_KILL) and gives all of it up before \
the command starts. The terminal, stdin, stdout and stderr are the command's; the exit status is \
the command's, or 127 where it is not found, 126 where it cannot be run, and one of sysexits.h \
where penstock does not start it.")]
    Run(RunArgs),
    /// Say what is wrong with a configuration, with line, column and fix.
    #[command(after_help = "\
Examples:
  penstock check
  penstock check staging.yaml
  penstock check --json | jq -r '.problems[].message'

Prints each URL that agents can use and where it leads. Reads the file and what it names, and \
connects to nothing. Exits with 0 where the file can be served, 78 where it cannot, 66 where it \
cannot be read.")]
    Check(CheckArgs),
    /// Write a first configuration, from nothing or from an MCP client's list of servers.
    #[command(after_help = "\
Examples:
  penstock init
  penstock init --from ~/.claude.json
  penstock init --from .cursor/mcp.json --output /etc/penstock/penstock.yaml
  penstock init --from .vscode/mcp.json > client.json

With --from, the JSON that points the client at penstock goes to stdout, all else to stderr. The \
client's own file is not changed. Values of environment variables are not copied: the \
configuration refers to them by name.")]
    Init(InitArgs),
    /// Hold agents to penstock in the kernel: put it in force, prove it, watch it, end it.
    #[command(
        subcommand,
        after_help = "\
Examples:
  sudo penstock egress apply             put the configuration's `agents` in force
  sudo penstock egress status            what the kernel enforces, and how much went where
  sudo penstock egress test              try every way past from within, and find it shut
  sudo penstock egress events --follow   what is refused, as it happens"
    )]
    Egress(EgressCommand),
    /// Say what this host gives penstock, what is degraded and how to mend it.
    #[command(after_help = "\
Examples:
  penstock doctor
  penstock doctor --connect
  penstock doctor --json | jq '.checks[] | select(.status != \"ok\")'

Looks at the host alone where there is no configuration. Exits with 0, or with 69 where \
something would keep penstock from serving all of it.")]
    Doctor(DoctorArgs),
    /// Look for secrets and personal data in a file: text, JSON or JSON Lines.
    #[command(after_help = "\
Examples:
  penstock inspect server.log
  kubectl logs deploy/mcp | penstock inspect
  penstock inspect --class secret,email dump.json
  penstock inspect --redact calls.jsonl > clean.jsonl
  penstock inspect --rules acme.toml --json a.log | jq -r .rule | sort | uniq -c

Prints each finding as FILE:LINE:COLUMN, its rule, its class, and what stands around it; what \
was found is never printed, only how many characters it has. Exits with 0 where nothing is \
found, with 1 where something is, with 64 for a wrong command line or an unknown rule, with 65 \
for wrong rules or an input over a limit, with 66 for a file that cannot be read.")]
    Inspect(InspectArgs),
    /// Say what is looked for, and whether rules of one's own work.
    #[command(
        subcommand,
        after_help = "\
Examples:
  penstock rules list --class secret       what is looked for
  penstock rules explain email-address     what a rule asks for
  penstock rules test acme.toml            whether rules find their examples"
    )]
    Rules(RulesCommand),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "\
Examples:
  penstock schema > penstock.schema.json

An editor with a YAML language server checks a file that begins with
  # yaml-language-server: $schema=penstock.schema.json")]
    Schema,
    /// Print the version.
    #[command(after_help = "\
Examples:
  penstock version
  penstock version --json | jq -r .version")]
    Version(VersionArgs),
    /// Print a shell's completions.
    #[command(after_help = "\
Examples:
  penstock completions bash > /etc/bash_completion.d/penstock
  penstock completions zsh > \"${fpath[1]}/_penstock\"
  penstock completions fish > ~/.config/fish/completions/penstock.fish")]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Which agent of the configuration it is.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: String,
    /// Who it runs as, by name or number; else `run_as` of the agent, else who called sudo.
    #[arg(long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// The command and its arguments, with or without `--` before it.
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration, instead of --config.
    pub(crate) file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// JSON with `mcpServers` (Claude Desktop, Claude Code, Cursor) or `servers` (VS Code).
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Where to write; `-` is stdout.
    #[arg(short, long, value_name = "FILE", default_value = "penstock.yaml")]
    pub(crate) output: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Connect to each upstream too.
    #[arg(long)]
    pub(crate) connect: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// What to look into; `-`, or nothing where stdin is no terminal, is stdin.
    pub(crate) file: Option<PathBuf>,
    /// What it is, where that is not to be found out.
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) form: Option<InputForm>,
    /// Rules in gitleaks' form, in the place of the built-in ones; not beside --config.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// With what the configuration says becomes of findings at this virtual server.
    #[arg(long, value_name = "NAME", conflicts_with = "rules")]
    pub(crate) server: Option<String>,
    /// These classes alone.
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class())]
    pub(crate) class: Vec<Class>,
    /// These rules alone; `*` in an id is anything.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) rule: Vec<String>,
    /// Print the input with `[REDACTED:rule]` for each finding, and the findings to stderr.
    #[arg(long)]
    pub(crate) redact: bool,
    /// Print the findings as JSON Lines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputForm {
    /// Anything, as one message.
    Text,
    /// One JSON document.
    Json,
    /// A message a line, each JSON or text.
    Jsonl,
}

fn class() -> impl TypedValueParser<Value = Class> {
    PossibleValuesParser::new(Class::ALL.map(Class::name)).try_map(|name| {
        let class = Class::ALL.into_iter().find(|class| class.name() == name);
        class.ok_or("no such class")
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Name every rule, with its class and what it finds.
    #[command(after_help = "\
Examples:
  penstock rules list
  penstock rules list --class national-id,passport
  penstock rules list --rules acme.toml --json | jq -r '.[].id'")]
    List(ListArgs),
    /// Hold every rule against its own examples and counterexamples, on each engine of this build.
    #[command(after_help = "\
Examples:
  penstock rules test
  penstock rules test acme.toml

Names a rule without examples, and one that is slow. Exits with 0 where every example is found \
by its rule and no counterexample is, with 1 otherwise, with 65 where the file is wrong, with 66 \
where it cannot be read.")]
    Test(RulesTestArgs),
    /// Say what a rule asks for, what is looked for so that it is asked, and what it finds.
    #[command(after_help = "\
Examples:
  penstock rules explain github-personal-access-token
  penstock rules explain --rules acme.toml acme-token")]
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// These classes alone.
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class())]
    pub(crate) class: Vec<Class>,
    /// Rules in gitleaks' form, in the place of the built-in ones; not beside --config.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// With what the configuration says becomes of findings at this virtual server.
    #[arg(long, value_name = "NAME", conflicts_with = "rules")]
    pub(crate) server: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTestArgs {
    /// Rules in gitleaks' form, in the place of the built-in ones; not beside --config.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The rule.
    pub(crate) id: String,
    /// Rules in gitleaks' form, in the place of the built-in ones; not beside --config.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// With what the configuration says becomes of findings at this virtual server.
    #[arg(long, value_name = "NAME", conflicts_with = "rules")]
    pub(crate) server: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: Shell,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EgressCommand {
    /// Put the configuration in force on the agents' cgroups, without a gap.
    #[command(after_help = "\
Examples:
  penstock egress apply
  penstock egress apply --agent claude --unit claude.service
  penstock egress apply --agent claude --pid 4711
  ExecStartPre=+penstock egress apply --agent claude --here     in a unit of systemd

What it puts in force stays, whatever becomes of this or any other process of penstock, until \
`penstock egress remove`, or until the cgroup is removed. Where none is named it is the agent's \
own cgroup in the configuration, which is made if it can be, and every cgroup that its policy \
was applied to before. Needs root. Exits with 0 where all of it is in force.")]
    Apply(ApplyArgs),
    /// Say what the kernel enforces now, and whether that is what the configuration says.
    #[command(after_help = "\
Examples:
  penstock egress status
  penstock egress status --json | jq -r '.faults[]'

Asks the kernel and not a file of penstock's. Needs root. Exits with 0 where every agent of the \
configuration is held as it says, with 69 otherwise.")]
    Status(StatusArgs),
    /// Print what the kernel refused.
    #[command(after_help = "\
Examples:
  penstock egress events
  penstock egress events --follow --json >> /var/log/penstock-egress.jsonl

Each event goes to one reader; what nobody has read yet comes first. Every refusal is counted \
(see `penstock egress status`), an event of the same process, hook and destination is not \
repeated within a second. Needs root.")]
    Events(EventsArgs),
    /// Try every way past from within an agent's cgroup, and prove it shut.
    #[command(after_help = "\
Examples:
  penstock egress test
  penstock egress test --agent claude --json

Sends no packet where it is shut. Needs root. Exits with 0 where every way is as it should be, \
with 69 otherwise.")]
    Test(TestArgs),
    /// End enforcement. Processes that still run there go free.
    #[command(after_help = "\
Examples:
  penstock egress remove --agent claude
  penstock egress remove --agent claude --cgroup docker/4c5a
  penstock egress remove --all --force

Needs root.")]
    Remove(RemoveArgs),
    /// What `test` runs within the cgroup.
    #[command(hide = true)]
    Probe {
        /// Where penstock listens.
        gateways: Vec<std::net::SocketAddr>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// This agent alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Its cgroup, as a path below the root of cgroup v2.
    #[arg(long, value_name = "PATH", requires = "agent", group = "place")]
    pub(crate) cgroup: Option<PathBuf>,
    /// The cgroup of this unit of systemd.
    #[arg(long, value_name = "UNIT", requires = "agent", group = "place")]
    pub(crate) unit: Option<String>,
    /// The cgroup that this process is in.
    #[arg(long, value_name = "PID", requires = "agent", group = "place")]
    pub(crate) pid: Option<u32>,
    /// The cgroup that this command itself is in.
    #[arg(long, requires = "agent", group = "place")]
    pub(crate) here: bool,
}

/// Where to look where the configuration does not say, or cannot.
#[derive(Debug, Args)]
pub(crate) struct PinsArgs {
    /// The BPF filesystem with the pins, instead of the configuration's.
    #[arg(long, value_name = "DIR")]
    pub(crate) bpffs: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) pins: PinsArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) pins: PinsArgs,
    /// Wait for more.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// This agent's alone; those of others are read and dropped.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Print JSON Lines.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// This agent alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true))]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    pub(crate) pins: PinsArgs,
    /// This agent alone.
    #[arg(long, value_name = "NAME", group = "whom")]
    pub(crate) agent: Option<String>,
    /// On this cgroup alone, as a path below the root of cgroup v2.
    #[arg(long, value_name = "PATH", requires = "agent")]
    pub(crate) cgroup: Option<PathBuf>,
    /// Every agent.
    #[arg(long, group = "whom")]
    pub(crate) all: bool,
    /// Even while processes run there, which then go free.
    #[arg(long)]
    pub(crate) force: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    /// A terminal breaks a paragraph where it ends; a second break within it tears sentences apart.
    #[test]
    fn a_paragraph_of_help_is_one_line_and_an_example_is_no_longer_than_a_terminal() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<&str> = help.lines().collect();
            let is_prose = |line: &str| !line.is_empty() && !line.starts_with("  ");
            for pair in lines.windows(2) {
                let [line, next] = pair else { continue };
                assert!(!is_prose(line) || !is_prose(next), "{}: {line}", command.get_name());
            }
            if matches!(command.get_name(), "inspect" | "list" | "test" | "explain") {
                let examples = lines.iter().filter(|line| line.starts_with("  "));
                examples.for_each(|line| assert!(line.len() <= 80, "{line}"));
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
