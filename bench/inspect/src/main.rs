//! `cargo xtask bench inspect`: what it costs to look into messages.
//!
//! Messages are made from a seed out of the labelled corpus of `bench/detection` (`stock`, `message`), and looked into
//! by turns with everything that they are to be held against (`speed`). What preparing takes, and what is then held
//! in memory, is measured in processes of its own (`start_up`). `docs/benchmarks.md` says how to read it.

#![forbid(unsafe_code)]

mod clock;
mod message;
mod random;
mod speed;
mod start_up;
mod stock;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::{Parser, ValueEnum};
use message::Messages;
use penstock_inspect::{EngineKind, Inspector, Limits, RuleSet};
use serde::Serialize;
use speed::Row;
use start_up::Started;
use stock::Stock;

/// What it costs to look into messages, with all built-in rules.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where everything measured goes, as JSON, beside the tables.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Processor time for each number.
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    seconds: f64,
    /// Of the messages.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Measures nothing: writes the text of an answer in which nothing is found, for a mock server to say.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// What that text is made of.
    #[arg(long, requires = "text", default_value = "files")]
    mix: Mix,
}

/// What messages in which nothing is found are made of.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mix {
    /// The files of this repository.
    Files,
    /// Texts that look like something and are nothing.
    Corpus,
}

#[derive(Serialize)]
struct Report {
    engine: &'static str,
    rules: usize,
    words: usize,
    seed: u64,
    seconds: f64,
    speeds: Vec<Row>,
    start_up: Vec<Started>,
}

/// The text that `--text` writes has as many bytes in JSON, or a few less.
const TEXT_BYTES: usize = 256 << 10;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [start_up::COMMAND, engine] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return start_up::start(engine);
    }
    let arguments = Arguments::parse();
    let Arguments { seed, seconds, .. } = arguments;
    ensure!(seconds > 0.0, "`--seconds {seconds}` measures nothing");
    let best = Inspector::new(RuleSet::built_in()?, EngineKind::BEST, Limits::default());
    let best = Arc::new(best.map_err(|error| anyhow!(error))?);
    if let Some(file) = &arguments.text {
        let stock = match arguments.mix {
            Mix::Files => Stock::of_files(&best)?,
            Mix::Corpus => Stock::new(&best)?,
        };
        let text = Messages::text(&stock, &best, seed, TEXT_BYTES)?;
        return write(file, text.as_bytes());
    }
    let stock = Stock::new(&best)?;
    let (engine, rules, words) = (best.engine().name(), best.rules().len(), best.words());
    println!("{rules} rules, engine {engine} with {words} words, seed {seed}");
    for shelf in &stock.shelves {
        println!("{}: {} pieces", shelf.name, shelf.pieces.len());
    }
    println!("with something in them: {} pieces; left out: {}", stock.hits.len(), stock.left_out);
    let files = Stock::of_files(&best)?;
    for shelf in &files.shelves {
        println!("files, {}: {} pieces", shelf.name, shelf.pieces.len());
    }
    println!("left out: {}", files.left_out);
    let speeds = speed::measure(&best, (&stock, &files), seed, seconds)?;
    let start_up = start_up::measure(&best, &stock, seed)?;
    table::print(&speeds, &start_up);
    if let Some(file) = &arguments.json {
        let report = Report { engine, rules, words, seed, seconds, speeds, start_up };
        write(file, &serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}
