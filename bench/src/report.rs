//! Tables for people, and the arithmetic of several rounds.

/// A table whose columns are as wide as what is in them.
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str, heads: &[&str]) -> Self {
        let heads = heads.iter().map(|head| (*head).to_owned()).collect();
        Self { title: title.to_owned(), rows: vec![heads] }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    pub(crate) fn print(&self) {
        println!("\n{}\n\n{}", self.title, self.markdown().trim_end());
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// The table without its title.
    pub(crate) fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                // The first two columns name the row.
                .map(|(column, (cell, width))| match column {
                    0 | 1 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
            if index == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                text.push_str(&format!("| {} |\n", rule.join(" | ")));
            }
        }
        text
    }
}

/// The middle of all values; of an even number, the lower middle, which was measured.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 2)
}

/// A quarter of all values is below it: for what a host that takes a core away can only make worse.
pub(crate) fn lower_quartile(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 4)
}

/// The last value of the first so-manieth.
fn quantile(values: impl Iterator<Item = f64>, parts: usize) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / parts).copied().unwrap_or(f64::NAN)
}

pub(crate) fn ratio(value: f64, base: f64) -> String {
    format!("{:.2}", value / base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_disturbed_round_does_not_move_the_median() {
        let median = median([15.1, 15.0, 99.0, 15.2, 15.3].into_iter());
        assert!((median - 15.2).abs() < f64::EPSILON);
    }

    #[test]
    fn rounds_that_were_mostly_disturbed_leave_the_lower_quartile() {
        let quartile = lower_quartile([2.0, 9.0, 1.2, 1.1, 8.0, 7.0, 9.0, 1.3].into_iter());
        assert!((quartile - 1.2).abs() < f64::EPSILON);
    }
}
