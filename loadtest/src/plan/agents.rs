//! Whom calls are made as.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::Agent;

/// The most agents.
const AGENTS_MAX: usize = 100_000;
/// The most bytes of a file of tokens.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most bytes of a token: what fits in a head.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Tokens with which a first call is made, each, before the load.
pub(crate) const FIRST_CALLS_MAX: usize = 64;
/// Where a single token is read from.
pub(super) const VARIABLE: &str = "PENSTOCK_LOADTEST_TOKEN";

/// So many agents, each with a token of the file; or all with the one of the environment; or with
/// none.
pub(super) fn agents(
    count: Option<usize>,
    file: Option<&Path>,
    variable: Option<String>,
    notes: &mut Vec<String>,
) -> Result<Vec<Agent>> {
    if let Some(count) = count {
        ensure!(count > 0, "--agents 0 leaves nobody who calls: write one or more");
        ensure!(count <= AGENTS_MAX, "--agents {count} is more than the limit of {AGENTS_MAX}");
    }
    let Some(file) = file else {
        if let Some(token) = &variable {
            check(token).with_context(|| format!("the token in {VARIABLE} cannot be used"))?;
        }
        return Ok(vec![Agent { token: variable, source: None }; count.unwrap_or(1)]);
    };
    let tokens = tokens(file)?;
    let shown = file.display();
    if variable.is_some() {
        notes.push(format!("{VARIABLE} is not used: the agents' tokens are those in {shown}"));
    }
    let count = count.unwrap_or(tokens.len());
    ensure!(
        count <= tokens.len(),
        "--agents {count} are more than the {} tokens in {}",
        tokens.len(),
        shown
    );
    if count < tokens.len() {
        notes.push(format!(
            "{shown} holds {} tokens, and there are {count} agents: the first {count} are used",
            tokens.len()
        ));
    }
    if count > FIRST_CALLS_MAX {
        notes.push(format!(
            "the first call is made with the first {FIRST_CALLS_MAX} of {count} tokens: the load \
             shows whether the others are accepted"
        ));
    }
    let agent = |(number, token): (u64, String)| Agent {
        token: Some(token),
        source: Some(format!("{shown}:{number}")),
    };
    Ok(tokens.into_iter().take(count).map(agent).collect())
}

/// One a line, with its number; empty lines are none.
fn tokens(path: &Path) -> Result<Vec<(u64, String)>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read the tokens in {shown}"))?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let read = read.with_context(|| format!("cannot read the tokens in {shown}"))?;
    ensure!(read as u64 <= FILE_BYTES_MAX, "{shown} is larger than the limit of 64 MiB");
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let token = line.trim();
        if token.is_empty() {
            continue;
        }
        check(token).with_context(|| format!("{shown}:{number}: the token cannot be used"))?;
        tokens.push((number, token.to_owned()));
    }
    ensure!(!tokens.is_empty(), "{shown} holds no token: write one a line");
    ensure!(
        tokens.len() <= AGENTS_MAX,
        "{shown} holds {} tokens, more than the limit of {AGENTS_MAX}",
        tokens.len()
    );
    Ok(tokens)
}

/// RFC 6750, section 2.1. What is wrong with it is said without it.
fn check(token: &str) -> Result<()> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        bail!("it has {} bytes; write one of 1 to {TOKEN_BYTES_MAX}", token.len());
    }
    if let Some(at) = token.bytes().position(|byte| !letter(byte)) {
        bail!("its character {} is none of letters, digits and -._~+/=", at + 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said(result: Result<Vec<Agent>>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    #[test]
    fn every_agent_has_a_token_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens");
        fs::write(&file, "one\n\n  two.a-b_c~d+e/f==  \r\nthree\n").unwrap();
        let tokens = |count| -> Vec<String> {
            let agents =
                agents(count, Some(&file), Some("environment".into()), &mut Vec::new()).unwrap();
            agents.into_iter().filter_map(|agent| agent.token).collect()
        };
        assert_eq!(tokens(None), ["one", "two.a-b_c~d+e/f==", "three"]);
        assert_eq!(tokens(Some(2)), ["one", "two.a-b_c~d+e/f=="]);
        let shown = file.display();
        assert_eq!(
            said(agents(Some(4), Some(&file), None, &mut Vec::new())),
            format!("--agents 4 are more than the 3 tokens in {shown}")
        );
        fs::write(&file, "fine\nhunter 2\n").unwrap();
        assert_eq!(
            said(agents(None, Some(&file), None, &mut Vec::new())),
            format!(
                "{shown}:2: the token cannot be used: its character 7 is none of letters, digits \
                 and -._~+/="
            )
        );
        fs::write(&file, " \n").unwrap();
        assert_eq!(
            said(agents(None, Some(&file), None, &mut Vec::new())),
            format!("{shown} holds no token: write one a line")
        );
        fs::remove_file(&file).unwrap();
        assert!(
            said(agents(None, Some(&file), None, &mut Vec::new()))
                .starts_with(&format!("cannot read the tokens in {shown}: "))
        );
    }

    #[test]
    fn what_of_the_tokens_is_not_used_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens");
        let shown = file.display();
        fs::write(&file, "one\n\nthree\n").unwrap();
        let mut notes = Vec::new();
        let made = agents(Some(1), Some(&file), Some("other".into()), &mut notes).unwrap();
        assert_eq!(made[0].source.as_deref(), Some(format!("{shown}:1").as_str()));
        assert_eq!(
            notes,
            [
                format!(
                    "PENSTOCK_LOADTEST_TOKEN is not used: the agents' tokens are those in {shown}"
                ),
                format!("{shown} holds 2 tokens, and there are 1 agents: the first 1 are used"),
            ]
        );
        fs::write(&file, "token\n".repeat(65)).unwrap();
        notes.clear();
        agents(None, Some(&file), None, &mut notes).unwrap();
        assert!(notes.len() == 1 && notes[0].contains("the first 64 of 65 tokens"), "{notes:?}");
        notes.clear();
        assert_eq!(
            agents(Some(64), Some(&file), None, &mut notes).unwrap()[2].source,
            Some(format!("{shown}:3"))
        );
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn without_a_file_all_have_what_the_environment_says() {
        let all = agents(Some(3), None, Some("secret".into()), &mut Vec::new()).unwrap();
        assert!(all.len() == 3 && all.iter().all(|it| it.token.as_deref() == Some("secret")));
        let none = agents(None, None, None, &mut Vec::new()).unwrap();
        assert!(none.len() == 1 && none[0].token.is_none());
        assert_eq!(
            said(agents(None, None, Some(String::new()), &mut Vec::new())),
            "the token in PENSTOCK_LOADTEST_TOKEN cannot be used: it has 0 bytes; write one of 1 \
             to 16384"
        );
    }

    #[test]
    fn there_is_at_least_one_and_a_limit() {
        assert_eq!(
            said(agents(Some(0), None, None, &mut Vec::new())),
            "--agents 0 leaves nobody who calls: write one or more"
        );
        assert_eq!(
            said(agents(Some(100_001), None, None, &mut Vec::new())),
            "--agents 100001 is more than the limit of 100000"
        );
    }

    #[test]
    fn a_token_is_never_printed() {
        let agent = Agent { token: Some("hunter2".into()), source: None };
        assert_eq!(format!("{agent:?}"), "Agent { token: Some(***), source: None }");
    }
}
