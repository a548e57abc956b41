//! A line a second, put into as many columns as a plot has room for.

use super::units::real;

/// Columns of a plot over time. Longer runs have several seconds in a column.
pub(crate) const COLUMNS_MAX: u64 = 600;

/// What happened, by columns of one width, from the end of the warm-up on.
pub(crate) struct Columns<'a, T> {
    /// Seconds in a column.
    pub(crate) width: u64,
    pub(crate) groups: Vec<Vec<&'a T>>,
}

impl<'a, T> Columns<'a, T> {
    pub(crate) fn of(items: &'a [T], second: impl Fn(&T) -> u64) -> Self {
        let last = items.iter().map(&second).max().unwrap_or(0);
        let width = last / COLUMNS_MAX + 1;
        let mut groups = Vec::new();
        for item in items {
            let Ok(column) = usize::try_from(second(item) / width) else { continue };
            if groups.len() <= column {
                groups.resize_with(column + 1, Vec::new);
            }
            if let Some(group) = groups.get_mut(column) {
                group.push(item);
            }
        }
        Self { width, groups }
    }

    /// In seconds.
    pub(crate) fn end(&self) -> f64 {
        self.start(self.groups.len())
    }

    /// In seconds.
    pub(crate) fn start(&self, column: usize) -> f64 {
        real(self.width) * real(column as u64)
    }

    /// A line through the middles of the columns. What has no value is a gap.
    pub(crate) fn line(&self, value: impl Fn(&[&T]) -> Option<f64>) -> Vec<Option<(f64, f64)>> {
        let middle = |column| self.start(column) + real(self.width) / 2.0;
        let groups = self.groups.iter().enumerate();
        groups.map(|(column, group)| Some((middle(column), value(group)?))).collect()
    }

    /// Words for each column, led by its time.
    pub(crate) fn readings(&self, words: impl Fn(&[&T]) -> String) -> Vec<String> {
        let groups = self.groups.iter().enumerate();
        groups
            .map(|(column, group)| {
                let from = super::units::seconds(self.start(column));
                if group.is_empty() {
                    return format!("{from}: nothing");
                }
                format!("{from}: {}", words(group))
            })
            .collect()
    }

    /// What a point of the plot is, where that is not a second.
    pub(crate) fn note(&self) -> Option<String> {
        let width = self.width;
        (width > 1).then(|| {
            format!("A point is {width} s: rates are their mean, all else is the highest in them.")
        })
    }
}

pub(crate) fn mean<T>(group: &[&T], value: impl Fn(&T) -> f64) -> Option<f64> {
    let sum: f64 = group.iter().map(|item| value(item)).sum();
    (!group.is_empty()).then(|| sum / real(group.len() as u64))
}

pub(crate) fn highest<T>(group: &[&T], value: impl Fn(&T) -> f64) -> Option<f64> {
    group.iter().map(|item| value(item)).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(seconds: &[u64]) -> Columns<'_, u64> {
        Columns::of(seconds, |second| *second)
    }

    #[test]
    fn a_column_is_a_second_until_there_are_too_many() {
        let minutes: Vec<u64> = (0..600).collect();
        assert_eq!((columns(&minutes).width, columns(&minutes).groups.len()), (1, 600));
        let hour: Vec<u64> = (0..3600).collect();
        let hour = columns(&hour);
        assert_eq!((hour.width, hour.groups.len()), (6, 600));
        assert_eq!(hour.groups[1], [&6, &7, &8, &9, &10, &11]);
        assert!(hour.note().unwrap().contains("6 s"));
    }

    #[test]
    fn a_second_that_is_not_there_is_a_gap() {
        let columns = columns(&[0, 2]);
        let line = columns.line(|group| group.first().map(|second| real(**second)));
        assert_eq!(line, [Some((0.5, 0.0)), None, Some((2.5, 2.0))]);
        assert!((columns.end() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn no_second_takes_memory_beyond_the_columns() {
        let columns = columns(&[u64::MAX, 0, u64::MAX - 1]);
        assert!(columns.groups.len() as u64 <= COLUMNS_MAX + 1);
        assert!(columns.end().is_finite());
    }

    #[test]
    fn nothing_has_no_columns() {
        let columns = columns(&[]);
        assert!(columns.groups.is_empty() && columns.note().is_none());
    }
}
