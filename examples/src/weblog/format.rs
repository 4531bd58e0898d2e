//! The log formats by name.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The layout of a log's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Common Log Format: `host ident user [time] "request" status bytes`; whatever follows is ignored.
    Common,
    /// Common Log Format followed by `"referer" "agent"`; whatever follows those is ignored.
    Combined,
    /// One JSON object a line.
    Json,
    /// The tab-separated columns of the 1995 NASA data set: host, logname, time (epoch seconds), method, url,
    /// response, bytes, referer, useragent.
    Nasa,
}

impl Format {
    /// All formats, in the order in which messages list them.
    pub const ALL: [Self; 4] = [Self::Common, Self::Combined, Self::Json, Self::Nasa];

    /// The name by which [`FromStr`] knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Combined => "combined",
            Self::Json => "json",
            Self::Nasa => "nasa",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no [`Format`] has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown log format {0:?}: expected common, combined, json or nasa")]
pub struct UnknownFormat(
    /// The name as it was given.
    pub String,
);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownFormat(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("JSON".parse(), Ok(Format::Json));
    }

    #[test]
    fn the_error_lists_every_name() {
        let message = "clf\n".parse::<Format>().unwrap_err().to_string();
        assert!(message.contains(r#""clf\n""#), "{message}");
        for format in Format::ALL {
            assert!(message.contains(format.name()), "{message}");
        }
    }
}
