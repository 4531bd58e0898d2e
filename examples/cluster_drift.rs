//! Clusters that are followed as they move.
//!
//! Without a file it makes a stream of components that move. With `--listen 127.0.0.1:7878 --rate 5000` one can watch
//! them in a browser. Try `--help`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use streamgauge::ml::cluster::Forgetting;
use streamgauge_examples::cluster_drift::{Input, Options, run};
use streamgauge_examples::main_of;

/// Follows moving clusters with streaming k-means: each batch of points is scored by the clusters that it finds, then
/// learned. Prints how near points are to their centres, how pure clusters are, and where they are; at the end one line of
/// JSON.
#[derive(Debug, Parser)]
#[command(name = "cluster_drift", version)]
struct Flags {
    /// A file of points in the format OMLB. Without it, a stream of moving components is made
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// The class of the points in the file that are noise: they are learned, but not scored
    #[arg(long, value_name = "CLASS", requires = "data")]
    noise: Option<usize>,

    /// How many points are made, without a file
    #[arg(long, default_value_t = 200_000, conflicts_with = "data")]
    rows: usize,

    /// How many clusters there are
    #[arg(long, default_value_t = 5)]
    clusters: usize,

    /// The points of a batch
    #[arg(long, default_value_t = 1_000, value_parser = at_least_one, value_name = "POINTS")]
    batch: u64,

    /// Print after every so many batches
    #[arg(long, default_value_t = 20, value_parser = at_least_one, value_name = "BATCHES")]
    every: u64,

    /// The past weighs half after so many batches; inf never forgets. Without either half-life, as many points as 200 times
    /// the clusters
    #[arg(long, value_name = "BATCHES", conflicts_with = "half_life_points")]
    half_life_batches: Option<f64>,

    /// The past weighs half after so many points; inf never forgets
    #[arg(long, value_name = "POINTS")]
    half_life_points: Option<f64>,

    /// Show the clusters on a dashboard at this address. Whoever can reach it sees the data
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Points a second; as fast as possible if not given
    #[arg(long, value_parser = at_least_one, value_name = "POINTS")]
    rate: Option<u64>,

    /// The dimensions that the map of the dashboard shows, counted from 0
    #[arg(long, value_parser = plane, default_value = "0,1", value_name = "X,Y")]
    plane: [usize; 2],

    /// Hold the clusters against the components that were made; exit with 3 if they do not follow: if one point in a
    /// hundred is with those of another component, or points are a tenth further from their centres than they were made
    #[arg(long, conflicts_with = "data")]
    check: bool,

    /// Show rate, delay and points while the job runs, if the standard error is a terminal
    #[arg(long)]
    progress: bool,

    /// The seed of the start, and of the stream that is made
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Threads to compute on; as many as the machine has if not given
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

fn at_least_one(text: &str) -> Result<u64, String> {
    text.parse::<u64>().ok().filter(|n| *n > 0).ok_or_else(|| "give a whole number above 0".to_owned())
}

fn plane(text: &str) -> Result<[usize; 2], String> {
    let of_two = || "give two dimensions such as 0,1".to_owned();
    let (x, y) = text.split_once(',').ok_or_else(of_two)?;
    match (x.trim().parse(), y.trim().parse()) {
        (Ok(x), Ok(y)) => Ok([x, y]),
        _ => Err(of_two()),
    }
}

impl From<Flags> for Options {
    fn from(flags: Flags) -> Self {
        let clusters = flags.clusters;
        let in_batches = flags.half_life_batches.map(|half_life| Forgetting::Batches { half_life });
        let mini_batch = (clusters as u64).saturating_mul(100);
        let in_points = flags.half_life_points.map(|half_life| Forgetting::Points { half_life, batch: mini_batch });
        Self {
            input: match flags.data {
                Some(path) => Input::File { path, noise: flags.noise },
                None => Input::Synthetic { rows: flags.rows, components: clusters, seed: flags.seed },
            },
            clusters,
            forgetting: in_batches.or(in_points),
            batch: usize::try_from(flags.batch).unwrap_or(usize::MAX),
            every: flags.every,
            dashboard: flags.listen,
            rate: flags.rate,
            plane: flags.plane,
            seed: flags.seed,
            threads: flags.threads,
            check: flags.check,
            progress: flags.progress,
        }
    }
}

fn main() -> ExitCode {
    main_of(|flags: Flags| run(&flags.into(), io::stdout()))
}
