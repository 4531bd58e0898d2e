//! Attacks the decoder of the member that `MEMBER` names. With `SEEDS`, writes its valid inputs into that folder instead.

#![no_main]

use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use streamgauge_fuzz::{Member, members};

static ATTACKED: OnceLock<&Member> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("MEMBER").unwrap_or_default();
        let Some(member) = members().find(|member| member.name == name) else {
            eprintln!("MEMBER must be one of:");
            members().for_each(|member| println!("{}", member.name));
            exit(2);
        };
        if let Ok(folder) = std::env::var("SEEDS") {
            for (i, seed) in (member.seeds)().iter().enumerate() {
                std::fs::write(Path::new(&folder).join(format!("seed-{i:02}")), seed).expect("seeds can be written");
            }
            exit(0);
        }
        ATTACKED.get_or_init(|| member);
    },
    |input: &[u8]| {
        if let Some(member) = ATTACKED.get() {
            (member.attack)(input);
        }
    }
);
