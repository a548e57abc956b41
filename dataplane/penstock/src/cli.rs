//! What may stand on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

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

The configuration is --config, else $PENSTOCK_CONFIG, else ./penstock.yaml, else
/etc/penstock/penstock.yaml. Exit codes are those of sysexits.h."
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

SIGHUP, or a change of the file or of a certificate in it, reloads; with an error in it nothing
changes, and the log says why. SIGTERM or Ctrl-C lets calls end for `limits.drain_timeout`, a second
one does not. Exits with 0 then, with 78 where the configuration is wrong, with 69 where something
else keeps it from serving, such as an address in use.")]
    Serve,
    /// Run a command as an agent of the configuration, with no way out but penstock.
    #[command(after_help = "\
Examples:
  sudo penstock run --agent claude -- claude
  sudo penstock run --agent build --user ci -- npm test
  sudo env \"PATH=$PATH\" penstock run --agent claude -- claude

Needs root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_CHOWN,
CAP_DAC_OVERRIDE, CAP_KILL) and gives all of it up before the command starts. The terminal, stdin,
stdout and stderr are the command's; the exit status is the command's, or 127 where it is not found,
126 where it cannot be run, and one of sysexits.h where penstock does not start it.")]
    Run(RunArgs),
    /// Say what is wrong with a configuration, with line, column and fix.
    #[command(after_help = "\
Examples:
  penstock check
  penstock check staging.yaml
  penstock check --json | jq -r '.problems[].message'

Prints each URL that agents can use and where it leads. Reads the file and what it names, and
connects to nothing. Exits with 0 where the file can be served, 78 where it cannot, 66 where it
cannot be read.")]
    Check(CheckArgs),
    /// Write a first configuration, from nothing or from an MCP client's list of servers.
    #[command(after_help = "\
Examples:
  penstock init
  penstock init --from ~/.claude.json
  penstock init --from .cursor/mcp.json --output /etc/penstock/penstock.yaml
  penstock init --from .vscode/mcp.json > client.json

With --from, the JSON that points the client at penstock goes to stdout, all else to stderr. The
client's own file is not changed. Values of environment variables are not copied: the
configuration refers to them by name.")]
    Init(InitArgs),
    /// Say what this host gives penstock, what is degraded and how to mend it.
    #[command(after_help = "\
Examples:
  penstock doctor
  penstock doctor --connect
  penstock doctor --json | jq '.checks[] | select(.status != \"ok\")'

Looks at the host alone where there is no configuration. Exits with 0, or with 69 where something
would keep penstock from serving all of it.")]
    Doctor(DoctorArgs),
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
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
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
