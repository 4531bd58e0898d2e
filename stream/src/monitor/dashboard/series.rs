//! The names of the series of a panel.

use serde_json::{Value, json};

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

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    /// Takes series out of a point that are none of those that are drawn, and says in it how many they were. A name
    /// that is new takes its place, as long as there is one.
    pub(super) fn limit(&mut self, point: &mut Value) {
        let Some(series) = point.get_mut("series").and_then(Value::as_array_mut) else { return };
        let before = series.len();
        series.retain(|one| one["name"].as_str().is_some_and(|name| self.add(name) || self.has(name)));
        let more = before - series.len();
        if more > 0 {
            point["more"] = json!(more);
        }
    }
}
