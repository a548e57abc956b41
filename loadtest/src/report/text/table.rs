//! Columns of text: the first to the left, the others to the right.

use crate::terminal::{Paint, Style, clean, shortened};

/// Of a cell; what is longer ends in `…`.
const CELL_CHARS_MAX: usize = 48;
const GAP: &str = "  ";

/// A table with a heading.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heading: &[&str]) -> Self {
        Self { rows: vec![heading.iter().map(|cell| fitted(cell)).collect()] }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| fitted(&cell)).collect());
    }

    pub(super) fn show(&self, paint: Paint) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut shown = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .map(|(column, (cell, &width))| match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            let line = format!("{GAP}{}", cells.join(GAP));
            let line = line.trim_end();
            let line = if index == 0 { paint.paint(Style::Quiet, line) } else { line.to_owned() };
            shown.push_str(&line);
            shown.push('\n');
        }
        shown
    }
}

/// A cell as it may stand in a terminal.
fn fitted(cell: &str) -> String {
    clean(&shortened(cell, CELL_CHARS_MAX)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let mut table = Table::new(&["calls", "p50"]);
        table.row(["tools/call é".to_owned(), "12.3 µs".to_owned()]);
        table.row(["a".to_owned(), "1 s".to_owned()]);
        assert_eq!(
            table.show(Paint::NONE),
            "  calls             p50\n  tools/call é  12.3 µs\n  a                 1 s\n"
        );
    }

    #[test]
    fn a_cell_holds_nothing_that_a_terminal_obeys() {
        let hostile = format!("\x1b[31m{}", "y".repeat(100));
        let mut table = Table::new(&[&hostile]);
        table.row([hostile]);
        let shown = table.show(Paint::NONE);
        assert!(!shown.contains('\x1b') && shown.matches('…').count() == 2, "{shown:?}");
    }
}
