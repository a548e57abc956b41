//! Recordings: the pace that they have, and what takes its place.

use super::Scenario;
use crate::plan::{Pace, Traffic};

#[test]
fn a_recording_is_sent_when_it_says() {
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let lines: Vec<String> =
        (0..11).map(|n| format!(r#"{{"at_ms":{},"message":{request}}}"#, n * 20)).collect();
    let scenario = Scenario::new("{ url: 'http://127.0.0.1:9/', replay: recording.jsonl }");
    scenario.file("recording.jsonl", &lines.join("\n"));
    let plan = scenario.job(&[]).unwrap().plan;
    assert!(matches!(&plan.traffic, Traffic::Replay(recorded) if recorded.len() == 11));
    let duration = |flags: &[&str]| match scenario.job(flags).unwrap().plan.pace {
        Pace::Recorded { duration, .. } => duration.as_millis(),
        other => panic!("{other:?}"),
    };
    assert_eq!(duration(&[]), 210, "the eleventh is due after 200");
    assert!(plan.warm_up.is_zero(), "the first of them are measured, and sent once");
    let warmed = scenario.job(&["--warm-up=50ms"]).unwrap().plan;
    assert_eq!(warmed.warm_up.as_millis(), 50);
    assert_eq!(duration(&["--warm-up=50ms"]), 160, "its first part is not measured");
    assert_eq!(duration(&["--warm-up=1s", "--duration=1s"]), 1000);
    let said = format!("{:#}", scenario.job(&["--warm-up=210ms"]).unwrap_err());
    assert!(said.ends_with("write less than 210ms, or a --duration too"), "{said}");
    let faster = scenario.job(&["--speed=2x"]).unwrap().plan;
    assert!(
        matches!(faster.pace, Pace::Recorded { duration, speed: 2.0 } if duration.as_millis() == 105)
    );
    let Traffic::Replay(recorded) = faster.traffic else { panic!("a recording") };
    assert_eq!(recorded[3].at.map(|at| at.as_millis()), Some(30));
    for flags in [&["--speed=2x", "--rate=5"][..], &["--speed=2x", "--concurrency=5"]] {
        let said = format!("{:#}", scenario.job(flags).unwrap_err());
        assert!(said.contains("--speed means something with a --replay that has times"), "{said}");
    }
    assert!(scenario.job(&["--arrival=even"]).is_err(), "the recording says it");
    let fast = Scenario::new("{ url: 'http://127.0.0.1:9/', replay: recording.jsonl, speed: 4x }");
    fast.file("recording.jsonl", &lines.join("\n"));
    let fast = |flags: &[&str]| fast.job(flags).unwrap().plan.pace;
    assert!(matches!(fast(&[]), Pace::Recorded { speed: 4.0, .. }));
    for flag in ["--rate=5", "--concurrency=5", "--search=p99=5ms", "--mix=list"] {
        assert!(!matches!(fast(&[flag]), Pace::Recorded { .. }), "{flag}");
    }
    let slower = scenario.job(&["--rate=5"]).unwrap().plan.pace;
    assert!(matches!(slower, Pace::Open { steps, .. } if steps[0].duration.as_secs() == 30));
    assert!(matches!(scenario.job(&["--concurrency=2"]).unwrap().plan.pace, Pace::Closed { .. }));
    let untimed = Scenario::new("{ url: 'http://127.0.0.1:9/', replay: recording.jsonl }");
    untimed.file("recording.jsonl", request);
    assert!(matches!(untimed.job(&[]).unwrap().plan.pace, Pace::Closed { concurrency: 32, .. }));
    assert!(untimed.job(&["--speed=2x"]).is_err());
    let notes = untimed.job(&[]).unwrap().notes.join("\n");
    assert!(
        notes.contains("no times that differ")
            && notes.contains("what it holds (1 message) is sent again and again, 32 at once"),
        "{notes}"
    );
    // Eight days; and so long that half a gap more is more than there is time.
    for last in ["691200000", "1.8e22"] {
        let timed = |at: &str| format!(r#"{{"at_ms":{at},"message":{request}}}"#);
        untimed.file("recording.jsonl", &[timed("0"), timed(last)].join("\n"));
        let said = format!("{:#}", untimed.job(&[]).unwrap_err());
        assert!(said.contains("the recording takes longer than the limit of 7 days"), "{said}");
        let part = untimed.job(&["--duration=1s"]).unwrap().plan.pace;
        assert!(matches!(part, Pace::Recorded { .. }), "{part:?}");
    }
    untimed.file("recording.jsonl", r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#);
    let said = format!("{:#}", untimed.job(&[]).unwrap_err());
    assert!(
        said.contains("has nothing to send") && said.ends_with("left out were 1 × notifications"),
        "{said}"
    );
}
