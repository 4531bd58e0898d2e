//! Watching the topics beside the batches: partitions that are new, and how far the job is behind.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::SourceError;
use super::client::{Client, LOOK_UP};
use super::fetch::Shared;
use super::position::Name;

/// How often ends are asked for.
const ENDS: Duration = Duration::from_secs(1);

/// Partitions that were found, each with where it begins.
pub(super) type Found = Arc<std::sync::Mutex<Vec<(Name, i64)>>>;

/// Begins to watch until the fetching is over: for new partitions from time to time, and, if asked to, for ends.
///
/// # Errors
/// If the system refuses a thread.
pub(super) fn watch(
    client: Client,
    shared: Arc<Shared>,
    every: Duration,
    with_ends: bool,
) -> Result<Found, SourceError> {
    let found = Found::default();
    let name = client.settings.name();
    let watching = Watching { shared, client, found: found.clone(), with_ends };
    // Not waited for: it may be waiting for a broker that is down.
    let thread = thread::Builder::new().name("kafka watch".to_owned()).spawn(move || watching.run(every));
    thread.map(|_| found).map_err(|error| SourceError::new(name, error))
}

struct Watching {
    shared: Arc<Shared>,
    client: Client,
    found: Found,
    with_ends: bool,
}

impl Watching {
    fn run(&self, every: Duration) {
        let step = if self.with_ends { every.min(ENDS) } else { every };
        let mut due = Instant::now() + every;
        while self.pause(step) {
            if Instant::now() >= due {
                self.find();
                due = Instant::now() + every;
            }
            if self.with_ends {
                self.ask_ends();
            }
        }
    }

    /// Waits so long; tells whether to go on.
    fn pause(&self, length: Duration) -> bool {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, length, |state| !state.is_over);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    fn known(&self) -> Vec<Name> {
        self.shared.lock().parts().map(|(name, _)| name.clone()).collect()
    }

    fn find(&self) {
        let there = match self.client.partitions(LOOK_UP) {
            Ok(there) => there,
            Err(error) => return self.client.warnings.add(error),
        };
        let known = self.known();
        let there: Vec<Name> = there
            .into_iter()
            .flat_map(|(topic, partitions)| partitions.into_iter().map(move |partition| (topic.clone(), partition)))
            .collect();
        self.suspect(known.iter().filter(|name| there.binary_search(name).is_err()));
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let new = |name: &Name| known.binary_search(name).is_err() && !found.iter().any(|(found, _)| found == name);
        let new: Vec<Name> = there.into_iter().filter(new).collect();
        match self.client.beginnings(&new, LOOK_UP) {
            Ok(beginnings) => found.extend(new.into_iter().zip(beginnings)),
            // Found again the next time.
            Err(error) => self.client.warnings.add(error),
        }
    }

    /// Lets partitions be looked at that seem to be gone.
    fn suspect<'a>(&self, gone: impl Iterator<Item = &'a Name>) {
        let mut state = self.shared.lock();
        for name in gone {
            if let Some(part) = state.part_mut(name).filter(|part| part.lost.is_none()) {
                part.suspect = true;
            }
        }
    }

    fn ask_ends(&self) {
        let known = self.known();
        match self.client.ends(&known, LOOK_UP) {
            Ok(ends) => set_ends(&self.shared, &known, &ends),
            Err(error) => self.client.warnings.add(error),
        }
    }
}

/// Notes where partitions end.
pub(super) fn set_ends(shared: &Shared, names: &[Name], ends: &[i64]) {
    let mut state = shared.lock();
    for (name, end) in names.iter().zip(ends) {
        if let Some(part) = state.part_mut(name) {
            part.end = *end;
        }
    }
}
