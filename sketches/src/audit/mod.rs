//! Audits: exact answers beside approximate ones, on a share of the data, and what they say of the promises.
//!
//! * [`Audit`] chooses what is audited: a share of the keys, some of the windows.
//! * [`Spec::audited`](crate::Spec::audited) makes a spec one with an exact twin, which absorbs only what was chosen.
//! * [`Audited`] is the reading: the approximate one, and the exact one if there is one.
//! * [`Coverage`] counts how many exact answers lie inside the promised intervals, and tells when more are missed than
//!   chance explains.
//!
//! ```
//! use streamgauge_sketches::audit::{Audit, Coverage};
//! use streamgauge_sketches::{On, Spec, Summary};
//!
//! let spec = On::records::<u64>().distinct(|user| user).audited(Audit::keys(1.0));
//! let mut state = spec.start();
//! let users: Vec<u64> = (0..30_000).collect();
//! spec.absorb_all(&mut state, &users);
//! let reading = state.read();
//! let exact = reading.exact.expect("all is audited");
//! assert_eq!(exact.value, 30_000.0);
//!
//! let mut coverage = Coverage::default();
//! coverage.count(&reading.approximate, exact.value);
//! assert_eq!((coverage.comparisons(), coverage.misses()), (1, 0));
//! ```

mod choice;
mod coverage;
mod spec;
mod twins;

pub use choice::{Audit, Group, WindowsOfPane};
pub use coverage::{Coverage, FALSE_ALARM};
pub use spec::AuditedSpec;
pub use twins::{Audited, TwinWindow, Twins};
