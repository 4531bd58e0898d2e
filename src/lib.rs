//! streamgauge
