//! The memory of the process, as the system tells it.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a figure serves: many batches may be over in a second.
const FRESH: Duration = Duration::from_millis(250);

/// The bytes of this process that are in memory: Linux has them in `/proc`, elsewhere nobody is asked.
pub(super) fn resident_bytes() -> Option<u64> {
    if cfg!(target_os = "linux") { of_status(&fs::read_to_string("/proc/self/status").ok()?) } else { None }
}

/// The same, looked up a few times a second at most.
#[derive(Debug, Default)]
pub(super) struct Resident(Mutex<Option<(Instant, Option<u64>)>>);

impl Resident {
    pub(super) fn bytes(&self) -> Option<u64> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *held {
            Some((at, bytes)) if at.elapsed() < FRESH => bytes,
            _ => held.insert((Instant::now(), resident_bytes())).1,
        }
    }
}

/// `statm` has pages, whose size it does not tell; `status` has kibibytes.
fn of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_bytes_are_found_or_there_are_none() {
        assert_eq!(of_status("Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t    123 kB\n"), Some(123 * 1024));
        for odd in ["", "VmRSS:", "VmRSS: kB", "VmRSS: -1 kB", "VmRSS: 12 MB", "VmRSS: 99999999999999999999 kB"] {
            assert_eq!(of_status(odd), None, "{odd:?}");
        }
        assert_eq!(of_status(&format!("VmRSS: {} kB", u64::MAX)), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_more_when_it_takes_more() {
        let before = resident_bytes().unwrap();
        let taken = vec![1_u8; 64 << 20];
        let after = resident_bytes().unwrap();
        assert!(after > before + (32 << 20), "{before} then {after} with {} more", taken.len());
    }
}
