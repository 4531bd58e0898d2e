//! Whether two outputs say the same.

use serde_json::Value;

use crate::hand::Tally;

/// The windows and the last line of what the job has written.
struct Written {
    windows: Vec<Value>,
    summary: Option<Value>,
}

fn read(output: &[u8]) -> Result<Written, String> {
    let rows: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(output).into_iter().collect();
    let rows = rows.map_err(|e| format!("the output is no JSON: {e}"))?;
    let (mut summaries, windows): (Vec<_>, _) = rows.into_iter().partition(|row| row.get("summary").is_some());
    Ok(Written { windows, summary: summaries.pop() })
}

/// Compares what does not depend on the order of merges: the windows, their requests, errors and distinct hosts, and
/// what was counted on the way.
pub(crate) fn same_answers(job: &[u8], hand: &[u8], tally: Tally) -> Result<(), String> {
    let (job, hand) = (read(job)?, read(hand)?);
    let summary = job.summary.ok_or("the job has written no summary")?;
    let counted =
        [("lines", tally.lines), ("malformed", tally.malformed), ("late", tally.late), ("windows", tally.windows)];
    for (what, by_hand) in counted {
        if summary[what] != by_hand {
            let by_job = &summary[what];
            return Err(format!("{what}: {by_job} by the job, {by_hand} by hand"));
        }
    }
    if job.windows.len() != hand.windows.len() {
        let (by_job, by_hand) = (job.windows.len(), hand.windows.len());
        return Err(format!("windows written: {by_job} by the job, {by_hand} by hand"));
    }
    for (job, hand) in job.windows.iter().zip(&hand.windows) {
        for field in ["window_start", "window_end", "requests", "errors", "hosts"] {
            if job[field] != hand[field] {
                let (start, by_job, by_hand) = (&job["window_start"], &job[field], &hand[field]);
                return Err(format!("{field} of the window from {start}: {by_job} by the job, {by_hand} by hand"));
            }
        }
    }
    Ok(())
}
