//! The search for the highest rate, step by step.

use std::time::Duration;

use anyhow::Result;

use super::{Conductor, Found, Load, Plans};
use crate::engine::clock::seconds;
use crate::engine::figures;
use crate::engine::observe::{Strain, bottlenecks};
use crate::engine::search::{Outcome, Searching};
use crate::plan::{Search, Step};
use crate::progress::Snapshot;
use crate::report::judge::judge;
use crate::report::model::{ProcessReport, SearchEnded, SearchReport, StepReport, Unjudged};
use crate::report::units::{self, Unit};

/// Before each step, this part of its length is not measured, within these bounds.
const SETTLE_PART: f64 = 0.2;
const SETTLE_MIN: Duration = Duration::from_millis(200);
const SETTLE_MAX: Duration = Duration::from_secs(2);
/// A step at which less than this part of the calls succeeds in time has broken.
const ACHIEVED_MIN: f64 = 0.95;

fn rate_of(per_second: f64) -> String {
    Unit::PerSecond.show(per_second)
}

impl<I: FnMut() -> bool, W: FnMut(&Snapshot)> Conductor<'_, I, W> {
    pub(super) fn search(
        &mut self,
        search: &Search,
        alive: &dyn Fn() -> bool,
    ) -> Result<SearchReport> {
        let settle = search.duration.mul_f64(SETTLE_PART).clamp(SETTLE_MIN, SETTLE_MAX);
        let mut searching = Searching::new(search);
        while let Some(rate) = searching.next() {
            let step = |duration| Step { from_per_second: rate, to_per_second: rate, duration };
            let first = self.steps.is_empty();
            let warm_up = if first { settle.max(self.setting.plan.warm_up) } else { settle };
            self.progress.step = Some(self.steps.len() + 1);
            let steps = [step(warm_up), step(search.duration)];
            let load = Load::Open(&steps, search.arrival);
            let found = self.stint(&Plans { warm_up, length: search.duration, load }, alive)?;
            let (step, outcome) = self.step_of(search, rate, &found)?;
            self.steps.push(step);
            if self.interruptions > 0 {
                break;
            }
            searching.learn(rate, outcome);
            if !self.spoilt.is_empty() {
                searching.learn(rate, Outcome::Spoilt);
            }
        }
        Ok(SearchReport {
            bounds: search.bounds.iter().map(|bound| bound.text.clone()).collect(),
            highest_per_second: searching.held,
            broken_per_second: searching.broken,
            ended: match self.interruptions {
                0 => searching.ended(),
                _ => SearchEnded::Interrupted,
            },
        })
    }

    /// Judges a step of a search.
    fn step_of(
        &mut self,
        search: &Search,
        rate: f64,
        found: &Found,
    ) -> Result<(StepReport, Outcome)> {
        let measured = figures::measured(&self.collector.step(), found.seconds)?;
        let process: Option<ProcessReport> = match (&self.watched, found.process) {
            (Some(watched), Some(used)) => {
                Some(watched.report(Some(used), measured.succeeded + measured.failed))
            }
            _ => None,
        };
        let mut broken: Vec<String> = Vec::new();
        for bound in &search.bounds {
            if !judge(bound, &measured, process.as_ref()).held {
                broken.push(bound.text.clone());
            }
        }
        let offered = units::per_second(measured.calls, search.duration.as_secs_f64());
        let achieved = measured.succeeded_per_second;
        if achieved < ACHIEVED_MIN * offered {
            let (achieved, offered) = (rate_of(achieved), rate_of(offered));
            broken.push(format!("{achieved} of {offered} succeeded"));
        }
        let limits = bottlenecks(&Strain {
            used: found.used,
            lateness: &self.collector.stint_lateness,
            latency_p99_us: measured.latency.p99_us,
        });
        // Waiting and going out late only add to latency: what held with them holds. But a harness
        // that is busy all the time can send no more.
        let strained = limits.clone();
        let limits = if broken.is_empty() { limits.of_busy() } else { limits };
        let interrupted = self.interruptions > 0;
        let (held, unjudged, outcome) = match (broken.is_empty(), limits.is_none()) {
            _ if interrupted => (None, Some(Unjudged::Interrupted), Outcome::Spoilt),
            (true, _) => (Some(true), None, Outcome::Held),
            (false, true) => (Some(false), None, Outcome::Broken),
            (false, false) => (None, Some(Unjudged::Harness), Outcome::Spoilt),
        };
        if outcome == Outcome::Held {
            // The rate that holds rises from step to step: the last of these is the one found.
            self.strained = strained.texts();
            self.only_late = strained.is_only_late();
            if !strained.is_none() {
                let held =
                    format!("{} held all the same: the target may carry more", rate_of(rate));
                self.strained.push(held);
            }
        }
        if !interrupted && !limits.is_none() {
            self.only_late = limits.is_only_late();
            self.spoilt = limits.texts();
            let at =
                format!("the search ended at {}, where the harness was the limit", rate_of(rate));
            self.spoilt.push(format!("{at}: the target may carry more"));
        }
        let zero = self.collector.zero();
        let step = StepReport {
            from_per_second: rate,
            to_per_second: rate,
            start_seconds: seconds(found.measure_from.saturating_sub(zero)),
            held,
            broken,
            unjudged,
            measured,
            process,
        };
        Ok((step, outcome))
    }
}
