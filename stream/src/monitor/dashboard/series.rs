//! The names of the series of a panel.

use std::sync::Arc;

use super::datum::Datum;

/// As many as there are colours that can be told apart.
pub(super) const MOST_SERIES: usize = 8;

/// The names of the series that a panel draws, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    /// Adds a name; false if it is there already, or if there are as many as can be drawn.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let adds = self.0.len() < MOST_SERIES && self.place(name).is_none();
        if adds {
            self.0.push(name.into());
        }
        adds
    }

    /// Adds names, as far as there is a place for them.
    pub(super) fn add_all<'a>(&mut self, names: impl Iterator<Item = &'a Arc<str>>) {
        for name in names {
            self.add(name);
        }
    }

    /// All names, in their order.
    pub(super) fn all(&self) -> &[Arc<str>] {
        &self.0
    }

    /// Puts series in the order of their names here: outputs may have come in any.
    pub(super) fn sort(&self, series: &mut [(Arc<str>, Datum)]) {
        series.sort_by_key(|(name, _)| self.place(name));
    }

    /// Those of some series that are drawn, in their order, each by the name that is here: points share it. A name that is
    /// new takes its place, as long as there is one.
    pub(super) fn drawn(&mut self, series: &[(Arc<str>, Datum)]) -> Arc<[(Arc<str>, Datum)]> {
        self.add_all(series.iter().map(|(name, _)| name));
        let mut drawn: Vec<_> = series.iter().filter_map(|(name, one)| Some((self.place(name)?, one))).collect();
        drawn.sort_by_key(|(place, _)| *place);
        drawn.into_iter().map(|(place, one)| (self.0[place].clone(), one.clone())).collect()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| **known == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_eight_names_have_a_place() {
        let mut names = Names::default();
        assert!(names.add("b") && names.add("a") && !names.add("b"));
        let mut drawn = |series: &[&str]| {
            let series: Vec<_> = series.iter().map(|name| ((*name).into(), Datum::from(name.len()))).collect();
            let drawn = names.drawn(&series);
            drawn.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(drawn(&["a", "c", "b"]), ["b", "a", "c"], "in the order in which they came");
        assert_eq!(drawn(&["z", "y", "x", "w", "v", "u", "t", "a"]), ["a", "z", "y", "x", "w", "v"]);
        assert!(drawn(&[]).is_empty());
        assert_eq!(names.all().len(), MOST_SERIES);
    }
}
