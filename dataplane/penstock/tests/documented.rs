//! What penstock counts is what the user guide says it counts.

mod common;

use common::{Client, Penstock, always, call, free_port, ok};

#[test]
fn every_metric_and_every_reason_is_on_the_page_and_none_beside() {
    let admin = free_port();
    // Those of agents and of inspection are served where the configuration has some; nothing need hold them.
    let more = format!(
        "inspection: {{}}\nadmin: {{ address: {admin} }}\nagents: {{ one: {{}} }}\negress: {{ bpffs: /nonexistent }}"
    );
    let penstock = Penstock::start(always(ok("{}")), &more);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\n\r\n");
    let (status, text) = Client::connect(admin).ask(request.as_bytes());
    drop(penstock);
    assert_eq!(status, 200);

    let page = include_str!("../../../docs/metrics.md");
    let mut documented = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a name and a kind");
        let row = format!("\n| `{name}` | {kind} | ");
        assert!(page.contains(&row), "docs/metrics.md has no row {row}");
        documented += 1;
    }
    assert!(documented > 20, "{text}");
    assert_eq!(page.matches("\n| `penstock_").count(), documented, "a row of no metric");

    let (_, reasons) = page.split_once("\n## Reasons").expect("the reasons' section");
    let first = "penstock_refusals_total{shard=\"0\",reason=\"";
    let counted: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(first)).collect();
    for line in &counted {
        let (reason, _) = line.split_once('"').expect("a reason");
        assert!(reasons.contains(&format!("\n| `{reason}` | ")), "no row for {reason}");
    }
    assert_eq!(reasons.matches("\n| `").count() - 1, counted.len(), "a row of no reason");
}

#[test]
fn a_line_of_the_access_log_is_written_as_on_the_page() {
    // Each field by its name, with a quote where its value is between some.
    let form = |line: &str| {
        let (_, fields) = line.split_once(" access: ").expect("a line of the access log");
        let field = |field: &str| {
            let (name, value) = field.split_once('=').expect("a field");
            format!("{name}={}", &value[..usize::from(value.starts_with('"'))])
        };
        fields.split(' ').map(field).collect::<Vec<_>>().join(" ")
    };
    let penstock = Penstock::start(always(ok("{}")), "log: { access: true }");
    penstock.connect().ask(&call(1));
    penstock.logs(" access: ");
    let log = penstock.log();
    let written = log.lines().find(|line| line.contains(" access: ")).expect("a line");
    let page = include_str!("../../../docs/operating.md");
    let documented = page.lines().find(|line| line.contains(" access: ")).expect("a line");
    assert_eq!(form(written), form(documented));
}
