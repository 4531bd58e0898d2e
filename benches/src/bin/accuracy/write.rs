//! Tables as Markdown and CSV, plots as SVG.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;
use streamgauge_benches::report::{Plot, Report, Table};

/// Writes a family's report into a folder, and its tables and verdicts to standard output.
pub(crate) fn write(out: &Path, family: &str, report: &Report) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out)?;
    let mut page = format!("# {family}\n");
    for table in &report.tables {
        let text = markdown(table);
        println!("{text}");
        write!(page, "\n{text}")?;
        fs::write(out.join(format!("{}.csv", table.name)), csv(table))?;
    }
    for plot in &report.plots {
        let file = format!("{}.svg", plot.name);
        draw(&out.join(&file), plot)?;
        write!(page, "\n![{}]({file})\n", plot.title)?;
    }
    for (goal, reached) in &report.verdicts {
        let line = format!("- {}: {goal}", if *reached { "reached" } else { "MISSED" });
        println!("{line}");
        write!(page, "\n{line}")?;
    }
    page.push('\n');
    fs::write(out.join(format!("{family}.md")), page)?;
    Ok(())
}

fn markdown(table: &Table) -> String {
    let mut text = format!("{}\n\n| {} |\n|{}\n", table.title, table.head.join(" | "), "---|".repeat(table.head.len()));
    for (case, figures) in &table.rows {
        let cells: Vec<_> = figures.iter().map(|&f| figure(f)).collect();
        text += &format!("| {case} | {} |\n", cells.join(" | "));
    }
    text
}

/// Four digits that count.
fn figure(x: f64) -> String {
    if x.is_nan() {
        return "–".to_owned();
    }
    if x == 0.0 || x.abs() >= 1e4 && x.fract() == 0.0 {
        return x.to_string();
    }
    let digits = (3 - x.abs().log10().floor() as i64).clamp(0, 9) as usize;
    format!("{x:.digits$}")
}

fn csv(table: &Table) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = table.head.iter().map(|h| quoted(h)).collect::<Vec<_>>().join(",") + "\n";
    for (case, figures) in &table.rows {
        let cells = figures.iter().map(|f| if f.is_nan() { String::new() } else { f.to_string() });
        text += &([quoted(case)].into_iter().chain(cells).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

fn draw(file: &Path, plot: &Plot) -> Result<(), Box<dyn Error>> {
    let points = || plot.lines.iter().flat_map(|(_, points)| points.iter().copied());
    let (x, y) = (range(points().map(|p| p.0), plot.x.1), range(points().map(|p| p.1), plot.y.1));
    let root = SVGBackend::new(file, (900, 520)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root);
    chart.caption(&plot.title, ("sans-serif", 18)).margin(12).x_label_area_size(44).y_label_area_size(64);
    macro_rules! with_axes {
        ($x:expr, $y:expr) => {{
            let mut chart = chart.build_cartesian_2d($x, $y)?;
            chart.configure_mesh().x_desc(&plot.x.0).y_desc(&plot.y.0).light_line_style(WHITE).draw()?;
            for (i, (label, points)) in plot.lines.iter().enumerate() {
                let color = Palette99::pick(i).to_rgba();
                let line =
                    LineSeries::new(points.iter().copied().filter(|(_, y)| y.is_finite()), color.stroke_width(2));
                chart
                    .draw_series(line)?
                    .label(label)
                    .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2)));
            }
            chart.configure_series_labels().border_style(BLACK).background_style(WHITE.mix(0.8)).draw()?;
        }};
    }
    match (plot.x.1, plot.y.1) {
        (true, true) => with_axes!(x.log_scale(), y.log_scale()),
        (true, false) => with_axes!(x.log_scale(), y),
        (false, true) => with_axes!(x, y.log_scale()),
        (false, false) => with_axes!(x, y),
    }
    root.present()?;
    Ok(())
}

/// A little more than the numbers take up; only positive ones on a logarithmic axis.
fn range(numbers: impl Iterator<Item = f64>, logarithmic: bool) -> Range<f64> {
    let shown = numbers.filter(|x| x.is_finite() && (!logarithmic || *x > 0.0));
    let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    match (low <= high, logarithmic) {
        (false, _) => 1.0..10.0,
        (true, true) => low / 1.3..high * 1.3,
        (true, false) => low.min(0.0)..high + (high - low.min(0.0)).max(f64::MIN_POSITIVE) * 0.08,
    }
}
