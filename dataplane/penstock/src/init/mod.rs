//! `penstock init`.

mod write;

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::Path;

use penstock_config::{Imported, import_mcp_servers};

use crate::cli::InitArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::print;

/// What is written where there is nothing to carry over.
const STARTER: &str = include_str!("starter.yaml");

/// Bytes read of a client's file.
const CLIENT_BYTES_MAX: u64 = 16 << 20;

pub(crate) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    match &args.from {
        None => starter(args),
        Some(from) => import(args, from),
    }
}

fn starter(args: &InitArgs) -> Result<Exit, Failure> {
    if to_stdout(args) {
        print(STARTER)?;
        return Ok(Exit::Done);
    }
    write::private(&args.output, STARTER, args.force)?;
    let output = args.output.display();
    eprintln!("Wrote {output}. Next: name your servers in it, then `penstock check {output}`.");
    Ok(Exit::Done)
}

fn import(args: &InitArgs, from: &Path) -> Result<Exit, Failure> {
    let text = read(from).map_err(|error| {
        let message = format!("cannot read {}: {error}", from.display());
        Failure::of_io(&error, Exit::NoInput, message)
    })?;
    let imported = import_mcp_servers(&text).map_err(|error| {
        Failure::new(Exit::Data, format!("cannot carry over {}: {error}", from.display()))
            .help("give the file in which the client lists its MCP servers")
    })?;
    if to_stdout(args) {
        print(&imported.yaml)?;
    } else {
        write::private(&args.output, &imported.yaml, args.force)?;
        eprintln!("Wrote {}, readable by you alone.", args.output.display());
    }
    eprint!("{}", story(&imported));
    eprintln!("\nThe client's list, in place of the one it has:\n");
    let client = imported.client_json();
    if to_stdout(args) {
        // The configuration is there already.
        eprintln!("{client}");
    } else {
        print(&format!("{client}\n"))?;
    }
    Ok(Exit::Done)
}

/// What the operator has to know and to do.
fn story(imported: &Imported) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    if !imported.exports.is_empty() {
        text.push_str(
            "\nValues of environment variables were not copied. Set these where penstock is \
             started:\n",
        );
        for export in &imported.exports {
            let _ =
                writeln!(text, "  export {}=…    # {}", export.variable, export.servers.join(", "));
        }
    }
    if !imported.notes.is_empty() {
        text.push_str("\nNot carried over as it stood:\n");
        for note in &imported.notes {
            let _ = writeln!(text, "  {note}");
        }
    }
    text
}

fn to_stdout(args: &InitArgs) -> bool {
    args.output.as_os_str() == "-"
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    // The limit is one byte past what the import takes, so that it says so.
    fs::File::open(path)?.take(CLIENT_BYTES_MAX + 1).read_to_string(&mut text)?;
    Ok(text)
}
