//! Names by a pattern in which `*` is anything.

/// A pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glob<'g>(&'g str);

impl<'g> Glob<'g> {
    pub(super) fn new(pattern: &'g str) -> Self {
        Self(pattern)
    }

    /// Whether a name is one of those meant.
    pub(super) fn fits(self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut name) = name.strip_prefix(first) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return name.ends_with(part);
            }
            // The first place is as good as any other: what comes behind has the more room.
            let Some((_, behind)) = name.split_once(part) else { return false };
            name = behind;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything_and_all_else_is_itself() {
        let fits = |pattern, name| Glob::new(pattern).fits(name);
        assert!(fits("aws-*", "aws-access-key-id") && fits("aws-*", "aws-"));
        assert!(fits("*", "") && fits("*-key", "api-key") && fits("a*b*c", "a-b-bc"));
        assert!(fits("pay", "pay") && !fits("pay", "pays") && !fits("", "pay"));
        assert!(!fits("aws-*", "gaws-x") && !fits("a*b*c", "acb") && !fits("ab*b", "ab"));
    }
}
