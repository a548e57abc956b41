//! Every file in `examples/` loads without a warning, and the schema accepts it.

use std::env::VarError;
use std::fs;
use std::io;
use std::path::Path;

use penstock_config::{Expect, Resolver};

/// The hosts that the examples are written for: every variable is set, every file is there.
struct TheirHost;

impl Resolver for TheirHost {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        Ok(name.to_owned())
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Ok("secret\n".to_owned())
    }

    fn check(&self, _: &Path, _: Expect) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_example_loads_and_is_accepted_by_the_schema() {
    let validator = jsonschema::validator_for(&penstock_config::schema()).expect("a valid schema");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).expect("the examples") {
        let path = entry.expect("an example").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("an example");
        match penstock_config::parse(&text, &path, &TheirHost) {
            Ok(loaded) => assert_eq!(loaded.warnings, [], "{}", path.display()),
            Err(errors) => panic!("{errors}"),
        }
        let file: serde_json::Value = serde_saphyr::from_str(&text).expect("valid YAML");
        let errors: Vec<_> = validator.iter_errors(&file).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
        let modeline = "# yaml-language-server: $schema=../dataplane/config/penstock.schema.json";
        assert!(text.starts_with(modeline), "{} has no modeline", path.display());
        seen += 1;
    }
    assert!(seen >= 8, "{seen} examples in {}", folder.display());
}
