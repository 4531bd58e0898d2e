//! Where points come from.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use streamgauge::ml::generate::{Generator, Mixture};
use streamgauge::ml::{Attribute, Dataset};

use super::Failure;

/// A point and its class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where it is.
    pub at: Vec<f64>,
    /// What it is, according to its label.
    pub class: usize,
}

/// Where points come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file in the format OMLB.
    File {
        /// Its path.
        path: PathBuf,
        /// The class of its points that are noise, if there is one.
        noise: Option<usize>,
    },
    /// A mixture of components that move, and 2 % of noise.
    Synthetic {
        /// How many points.
        rows: usize,
        /// How many components, as many as there will be clusters.
        components: usize,
        /// The seed of components and points.
        seed: u64,
    },
}

impl Input {
    /// All points, and the class that is noise.
    ///
    /// # Errors
    /// [`Failure::Usage`] naming the file, and what is wrong with it and where.
    pub(super) fn read(&self) -> Result<(Dataset, Option<usize>), Failure> {
        match self {
            Self::Synthetic { rows, components, seed } => {
                let usage = |e: &dyn std::fmt::Display| Failure::Usage(e.to_string());
                let mixture = Mixture::random(*components, 8, *seed).map_err(|e| usage(&e))?;
                let mut mixture = mixture.noise(0.02, -5.0, 15.0).map_err(|e| usage(&e))?.seed(*seed);
                Ok((mixture.dataset(*rows), Some(*components)))
            }
            Self::File { path, noise } => {
                let wrong = |e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", path.display()));
                let file = File::open(path).map_err(|e| wrong(&e))?;
                let rows = Dataset::read_omlb(BufReader::new(file)).map_err(|e| wrong(&e))?;
                let attributes = rows.schema().attributes();
                if let Some(at) = attributes.iter().position(|attribute| *attribute != Attribute::Numeric) {
                    return Err(wrong(&format!("attribute {at} is a category; clusters are of numbers alone")));
                }
                let classes = rows.schema().classes();
                if let Some(noise) = noise.filter(|noise| *noise >= classes) {
                    return Err(wrong(&format!("there is no class {noise}: there are {classes}, numbered from 0")));
                }
                Ok((rows, *noise))
            }
        }
    }
}
