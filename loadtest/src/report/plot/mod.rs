//! Plots as markup: the lines as SVG, all text as HTML over and beside it.
//!
//! The SVG is stretched to the room there is, while its strokes and the text keep their size: one
//! plot serves a wide screen, a phone and paper. Colours are classes, so that the style sheet decides
//! about light and dark.

mod scale;

use maud::{Markup, html};

use scale::Room;
pub(crate) use scale::{Axis, nines};

/// Series that a plot has colours and dashes for.
pub(crate) const SERIES_MAX: usize = 7;
/// A line of more points is thin.
const THICK_POINTS_MAX: usize = 300;
/// The drawing's own units, in either direction.
const EXTENT: f64 = 1000.0;

/// A plot, ready to be drawn.
pub(crate) struct Plot {
    pub(crate) title: String,
    /// What there is to see, for those who do not see it.
    pub(crate) summary: String,
    pub(crate) note: Option<String>,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) markers: Vec<Marker>,
    /// What the values are, in as many columns of one width as there are, from left to right. The one
    /// under the pointer is shown.
    pub(crate) readings: Vec<String>,
}

/// A line.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) ink: Ink,
    /// `None` is a gap.
    pub(crate) points: Vec<Option<(f64, f64)>>,
    /// Whether what is below it is tinted.
    pub(crate) filled: bool,
}

/// Colour and dashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// One of [`SERIES_MAX`], told apart by those who see no colours by its dashes.
    Series(usize),
    /// Of what failed.
    Bad,
    /// Of what others are held against.
    Faint,
}

/// A value that has a line of its own, from side to side.
pub(crate) struct Rule {
    pub(crate) along: Along,
    pub(crate) at: f64,
    pub(crate) label: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    X,
    Y,
}

/// A point that is marked.
pub(crate) struct Marker {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) mark: Mark,
    pub(crate) says: String,
}

/// What a marker says of its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Good,
    Broken,
    Unjudged,
}

impl Ink {
    fn class(self) -> String {
        match self {
            Self::Series(index) => format!("s{}", index % SERIES_MAX),
            Self::Bad => "bad".to_owned(),
            Self::Faint => "faint".to_owned(),
        }
    }
}

impl Plot {
    pub(crate) fn draw(&self) -> Markup {
        html! {
            figure.plot {
                figcaption {
                    h3 { (self.title) }
                    @if self.series.len() > 1 { (self.legend()) }
                }
                div.axis-name { (self.y.name) }
                div.frame {
                    div.ticks-y aria-hidden="true" {
                        @for tick in &self.y.ticks {
                            span style={ "bottom:" (percent(tick.at)) } { (tick.label) }
                        }
                    }
                    div.area {
                        (self.drawing())
                        (self.labels())
                        @if !self.readings.is_empty() {
                            div.readings aria-hidden="true" {
                                @for reading in &self.readings { i { b { (reading) } } }
                            }
                        }
                    }
                    div.ticks-x aria-hidden="true" {
                        @for tick in &self.x.ticks {
                            span.some[tick.room == Room::Some].much[tick.room == Room::Much]
                                style={ "left:" (percent(tick.at)) } {
                                (tick.label)
                            }
                        }
                    }
                }
                div.axis-name.below { (self.x.name) }
                @if let Some(note) = &self.note { p.note { (note) } }
            }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for series in &self.series {
                    li {
                        svg.key viewBox="0 0 30 8" aria-hidden="true" {
                            path class=(series.ink.class()) d="M1 4H29" {}
                        }
                        (series.name)
                    }
                }
            }
        }
    }

    fn drawing(&self) -> Markup {
        html! {
            svg role="img" viewBox="0 0 1000 1000" preserveAspectRatio="none" {
                title { (self.title) ". " (self.summary) }
                path.grid d=(self.grid()) {}
                @for series in self.series.iter().filter(|series| series.filled) {
                    path class={ "fill " (series.ink.class()) } d=(self.area(series)) {}
                }
                @for rule in &self.rules { path.rule d=(self.rule(rule)) {} }
                @for series in &self.series {
                    path class=(self.class(series)) d=(self.line(series)) {}
                    @let dots = self.dots(series);
                    @if !dots.is_empty() {
                        path class={ "dot " (series.ink.class()) } d=(dots) {}
                    }
                }
            }
        }
    }

    /// What stands alone needs no dashes to be told from others; what has many points no thick line.
    fn class(&self, series: &Series) -> String {
        let alone = if self.series.len() == 1 { "only " } else { "" };
        let thin = if series.points.len() > THICK_POINTS_MAX { "thin " } else { "" };
        format!("{alone}{thin}{}", series.ink.class())
    }

    /// What is written on the plot.
    fn labels(&self) -> Markup {
        html! {
            @for rule in &self.rules {
                @match rule.along {
                    Along::Y => span.rule.y style={ "bottom:" (percent(self.y.place(rule.at))) } {
                        (rule.label)
                    },
                    Along::X => {
                        @let place = self.x.place(rule.at);
                        span.rule.x.late[place > 0.5] style={ "left:" (percent(place)) } {
                            (rule.label)
                        }
                    },
                }
            }
            @for marker in &self.markers {
                @let left = percent(self.x.place(marker.x));
                @let bottom = percent(self.y.place(marker.y));
                span.marker.broken[marker.mark == Mark::Broken]
                    .unjudged[marker.mark == Mark::Unjudged] title=(marker.says)
                    style={ "left:" (left) ";bottom:" (bottom) } {}
            }
        }
    }

    fn grid(&self) -> String {
        let across = self.y.ticks.iter().map(|tick| format!("M0 {}h1000", up(tick.at)));
        let upward = self.x.ticks.iter().map(|tick| format!("M{} 0v1000", along(tick.at)));
        across.chain(upward).collect()
    }

    fn rule(&self, rule: &Rule) -> String {
        match rule.along {
            Along::X => format!("M{} 0v1000", along(self.x.place(rule.at))),
            Along::Y => format!("M0 {}h1000", up(self.y.place(rule.at))),
        }
    }

    /// Each stretch without a gap is a line.
    fn line(&self, series: &Series) -> String {
        let stretches = self.stretches(series).into_iter().filter(|stretch| stretch.len() > 1);
        stretches.map(|stretch| format!("M{}", joined(&stretch))).collect()
    }

    /// One point alone is a line of no length, and seen by its round ends.
    fn dots(&self, series: &Series) -> String {
        let stretches = self.stretches(series).into_iter().filter(|stretch| stretch.len() == 1);
        stretches.map(|stretch| format!("M{}h.01", joined(&stretch))).collect()
    }

    fn area(&self, series: &Series) -> String {
        let mut path = String::new();
        for stretch in self.stretches(series) {
            let (Some((first, _)), Some((last, _))) = (stretch.first(), stretch.last()) else {
                continue;
            };
            path.push_str(&format!("M{first} 1000L{}L{last} 1000Z", joined(&stretch)));
        }
        path
    }

    fn stretches(&self, series: &Series) -> Vec<Vec<(String, String)>> {
        let placed = |point: &(f64, f64)| (along(self.x.place(point.0)), up(self.y.place(point.1)));
        series
            .points
            .split(Option::is_none)
            .filter(|stretch| !stretch.is_empty())
            .map(|stretch| stretch.iter().flatten().map(placed).collect())
            .collect()
    }
}

fn joined(points: &[(String, String)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x} {y}")).collect();
    points.join("L")
}

fn along(place: f64) -> String {
    short(place * EXTENT)
}

/// SVG counts from the top.
fn up(place: f64) -> String {
    short((1.0 - place) * EXTENT)
}

fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn percent(place: f64) -> String {
    format!("{}%", short(place * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::units::Unit;

    fn plot(points: Vec<Option<(f64, f64)>>) -> Plot {
        Plot {
            title: "Title".to_owned(),
            summary: "Summary.".to_owned(),
            note: None,
            x: Axis::time(10.0),
            y: Axis::from_zero("calls", Unit::Count, 10.0),
            series: vec![Series {
                name: "calls".to_owned(),
                ink: Ink::Series(0),
                points,
                filled: true,
            }],
            rules: Vec::new(),
            markers: Vec::new(),
            readings: Vec::new(),
        }
    }

    #[test]
    fn a_gap_parts_a_line_and_a_single_point_is_a_dot() {
        let plot = plot(vec![Some((0.0, 0.0)), Some((5.0, 5.0)), None, Some((10.0, 10.0))]);
        assert_eq!(plot.line(&plot.series[0]), "M0 1000L500 500");
        assert_eq!(plot.dots(&plot.series[0]), "M1000 0h.01");
        assert_eq!(
            plot.area(&plot.series[0]),
            "M0 1000L0 1000L500 500L500 1000ZM1000 1000L1000 0L1000 1000Z"
        );
    }

    #[test]
    fn no_point_draws_nothing() {
        for points in [vec![], vec![None, None]] {
            let plot = plot(points);
            assert_eq!(plot.line(&plot.series[0]), "");
            assert_eq!(plot.area(&plot.series[0]), "");
        }
    }

    #[test]
    fn what_is_no_number_is_drawn_within_the_plot() {
        let plot = plot(vec![Some((f64::NAN, f64::INFINITY)), Some((1e300, -1e300))]);
        assert_eq!(plot.line(&plot.series[0]), "M0 0L1000 1000");
    }

    #[test]
    fn every_text_is_escaped() {
        let mut plot = plot(vec![Some((1.0, 1.0))]);
        let hostile = "</title></svg><script>alert(1)</script>\"'";
        plot.title = hostile.to_owned();
        plot.summary = hostile.to_owned();
        plot.note = Some(hostile.to_owned());
        plot.readings = vec![hostile.to_owned()];
        plot.markers = vec![Marker { x: 1.0, y: 1.0, mark: Mark::Good, says: hostile.to_owned() }];
        plot.rules = vec![Rule { along: Along::X, at: 1.0, label: hostile.to_owned() }];
        plot.series.push(Series {
            name: hostile.to_owned(),
            ink: Ink::Bad,
            points: Vec::new(),
            filled: false,
        });
        let drawn = plot.draw().into_string();
        assert!(!drawn.contains("<script"), "{drawn}");
        assert_eq!(drawn.matches("</svg>").count(), 3, "the plot, and two keys of the legend");
    }
}
