//! The names of the series of a panel.

use super::datum::Datum;

/// As many as there are colours that can be told apart.
pub(super) const MOST_SERIES: usize = 8;

/// The names of the series that a panel draws, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// Adds a name; false if it is there already, or if there are as many as can be drawn.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let adds = self.0.len() < MOST_SERIES && !self.has(name);
        if adds {
            self.0.push(name.to_owned());
        }
        adds
    }

    /// Adds names, as far as there is a place for them.
    pub(super) fn add_all(&mut self, names: Vec<String>) {
        for name in names {
            self.add(&name);
        }
    }

    /// All names, in their order.
    pub(super) fn all(&self) -> &[String] {
        &self.0
    }

    /// Puts series in the order of their names here: outputs may have come in any.
    pub(super) fn sort(&self, series: &mut [Datum]) {
        let name = |one: &Datum| one.get("name").and_then(Datum::text).map(str::to_owned);
        series.sort_by_cached_key(|one| name(one).and_then(|name| self.0.iter().position(|known| *known == name)));
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    /// Takes series out of a point that are none of those that are drawn, and says in it how many they were; the others
    /// come in their order. A name that is new takes its place, as long as there is one.
    pub(super) fn limit(&mut self, point: &mut Datum) {
        let Some(series) = point.get_mut("series").and_then(Datum::list_mut) else { return };
        let before = series.len();
        series.retain(|one| {
            let name = one.get("name").and_then(Datum::text);
            name.is_some_and(|name| self.add(name) || self.has(name))
        });
        let more = before - series.len();
        self.sort(series);
        if more > 0 {
            point.set("more", more);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::datum::fields;
    use super::*;

    #[test]
    fn the_first_eight_names_have_a_place() {
        let mut names = Names::default();
        assert!(names.add("b") && names.add("a") && !names.add("b"));
        let series = |names: &[&str]| {
            let named: Datum = names.iter().map(|name| fields! { "name": *name }).collect();
            fields! { "t": 1_u64, "series": named }
        };
        let mut point = series(&["a", "c", "b"]);
        names.limit(&mut point);
        assert_eq!(point, series(&["b", "a", "c"]), "in the order in which they came");
        let mut point = series(&["z", "y", "x", "w", "v", "u", "t", "a"]);
        names.limit(&mut point);
        let mut expected = series(&["a", "z", "y", "x", "w", "v"]);
        expected.set("more", 2_u64);
        assert_eq!(point, expected);
        assert_eq!(names.all().len(), MOST_SERIES);
        // What has no series, or series without names, is none of its affairs.
        for (mut odd, expected) in [
            (fields! { "t": 1_u64 }, json!({ "t": 1 })),
            (fields! { "series": 1_u64 }, json!({ "series": 1 })),
            (fields! { "series": [Datum::from(1_u64), fields! {}] }, json!({ "series": [], "more": 2 })),
        ] {
            names.limit(&mut odd);
            assert_eq!(odd.json(), expected);
        }
    }
}
