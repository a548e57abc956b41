//! Every configuration that a user is shown loads without a warning, and the schema accepts it: the
//! files in `examples/`, and those printed in `docs/` and the README.

use std::env::VarError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_config::{Expect, Resolver};

/// The hosts that the examples are written for: every variable is set, every file is there.
struct TheirHost;

impl Resolver for TheirHost {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        Ok(name.to_owned())
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Ok("as many characters as the longest key asks for\n".to_owned())
    }

    fn check(&self, _: &Path, _: Expect) -> io::Result<()> {
        Ok(())
    }
}

/// Fails unless `text` is a configuration without fault.
fn assert_served(text: &str, path: &Path, validator: &jsonschema::Validator) {
    match penstock_config::parse(text, path, &TheirHost) {
        Ok(loaded) => assert_eq!(loaded.warnings, [], "{}", path.display()),
        Err(errors) => panic!("{errors}"),
    }
    let file: serde_json::Value = serde_saphyr::from_str(text).expect("valid YAML");
    let errors: Vec<_> = validator.iter_errors(&file).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&penstock_config::schema()).expect("a valid schema")
}

/// The files of a folder of the project with this extension.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("a file").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn every_example_loads_and_is_accepted_by_the_schema() {
    let validator = validator();
    let examples = files("examples", "yaml");
    assert!(examples.len() >= 8, "{examples:?}");
    for path in examples {
        let text = fs::read_to_string(&path).expect("an example");
        assert_served(&text, &path, &validator);
        let modeline = "# yaml-language-server: $schema=../dataplane/config/penstock.schema.json";
        assert!(text.starts_with(modeline), "{} has no modeline", path.display());
    }
}

#[test]
fn every_configuration_in_the_documentation_loads() {
    let validator = validator();
    let mut seen = 0;
    for path in files("docs", "md").into_iter().chain(files(".", "md")) {
        let page = fs::read_to_string(&path).expect("a page");
        for block in page.split("\n```yaml\n").skip(1) {
            let (text, _) = block.split_once("\n```").expect("an end of the block");
            if text.lines().any(|line| line == "listeners:") {
                assert_served(text, &path, &validator);
                seen += 1;
            }
        }
    }
    assert!(seen >= 7, "{seen} configurations in the documentation");
}
