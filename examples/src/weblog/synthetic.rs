//! The synthetic site as a source of lines.

use streamgauge::stream::Time;
use streamgauge::stream::source::{Limit, Next, Partition, Plan, Source, SourceError, TextBlock};

use super::Site;

/// Seconds of the log that are there when a live job begins: the dashboard has something to show at once.
const HISTORY: u64 = 30 * 60;

/// Seconds of the log that a job takes that is to take all that is there.
const ONE_HOUR: u64 = 3_600;

/// Seconds of the log in a batch at most, and in one partition.
const MOST: u64 = 600;
const PARTITION: u64 = 60;

/// The log of a [`Site`], second by second. Its position is the next second; it can replay from any.
#[derive(Debug)]
pub(super) struct SyntheticSite {
    site: Site,
    speed: Option<f64>,
    /// The seconds that there are; none for a site that goes on.
    end: Option<u64>,
    begun: Option<(Time, u64)>,
    is_closed: bool,
}

impl SyntheticSite {
    pub(super) fn new(site: Site, speed: Option<f64>, once: bool) -> Self {
        Self { site, speed, end: once.then_some(ONE_HOUR), begun: None, is_closed: false }
    }
}

impl Source for SyntheticSite {
    type Item = TextBlock;
    type Position = u64;

    fn name(&self) -> String {
        "synthetic site".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, limit: Limit) -> Result<Plan<u64>, SourceError> {
        if self.is_closed {
            return Ok(Plan { to: *from, next: Next::Idle });
        }
        if let Some(end) = self.end {
            let to = (from + MOST).min(end);
            let next = if to == end { Next::Finished } else { Next::Ready };
            return Ok(Plan { to, next });
        }
        let history = if *from == 0 { HISTORY } else { 0 };
        let (begun, first) = *self.begun.get_or_insert((limit.time, from + history));
        let due = match self.speed {
            Some(speed) => first.saturating_add((limit.time.since(begun).as_secs_f64() * speed) as u64),
            None => u64::MAX,
        };
        let to = due.min(from + history.max(MOST)).max(*from);
        let next = if to < due { Next::Ready } else { Next::Idle };
        Ok(Plan { to, next })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<TextBlock>>>, SourceError> {
        let starts = (*from..*to).step_by(PARTITION as usize);
        let partition =
            |first| Seconds { site: self.site.clone(), first, end: to.min(&(first + PARTITION)).to_owned() };
        Ok(starts.map(|first| Box::new(partition(first)) as Box<dyn Partition<TextBlock>>).collect())
    }

    fn close(&mut self) {
        self.is_closed = true;
    }
}

struct Seconds {
    site: Site,
    first: u64,
    end: u64,
}

impl Partition<TextBlock> for Seconds {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<TextBlock>)) -> Result<(), SourceError> {
        let mut text = String::new();
        for second in self.first..self.end {
            self.site.second(second, &mut text);
        }
        // Lines are counted within the block: how many there are before it, only a replay would tell.
        let name = format!("synthetic site, from second {}", self.first);
        out(&mut vec![TextBlock::of_lines(name, 1, text)]);
        Ok(())
    }
}
