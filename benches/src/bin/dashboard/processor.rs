//! The processor time that threads of this process have taken.

use std::fs;
use std::time::Duration;

use cpu_time::ProcessTime;

/// What threads have taken so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    process: ProcessTime,
    /// That which serves the dashboard.
    serving: Duration,
    /// Those that run batches.
    batches: Duration,
}

/// What threads took between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) job: Duration,
    pub(crate) serving: Duration,
    pub(crate) batches: Duration,
}

impl Taken {
    pub(crate) fn now() -> Self {
        let (mut serving, mut batches) = (Duration::ZERO, Duration::ZERO);
        for (name, time) in threads() {
            // Linux has 15 characters of a name: that of the server is streamgauge-dashboard.
            if name == "streamgauge-das" {
                serving += time;
            } else if name.ends_with(" batches") || name.starts_with("streamgauge-") {
                batches += time;
            }
        }
        Self { process: ProcessTime::now(), serving, batches }
    }

    pub(crate) fn since(&self, before: &Self) -> Took {
        let serving = self.serving.saturating_sub(before.serving);
        let job = self.process.duration_since(before.process).saturating_sub(serving);
        Took { job, serving, batches: self.batches.saturating_sub(before.batches) }
    }
}

/// The names of the threads, and the time of each; none where the system does not tell.
fn threads() -> Vec<(String, Duration)> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let of = |task: fs::DirEntry| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let scheduled = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanoseconds = scheduled.split_ascii_whitespace().next()?.parse().ok()?;
        Some((name.trim_end().to_owned(), Duration::from_nanos(nanoseconds)))
    };
    tasks.filter_map(|task| of(task.ok()?)).collect()
}
