use streamgauge_benches::report::{Report, Scale};

pub(crate) fn report(_: Scale) -> Report {
    Report::default()
}
