//! Who visits the site: sessions, the hosts behind them and their browsers.

use super::{
    random::{Random, hash, mix},
    write::{decimal, hexadecimal},
};

/// Of a hundred sessions, how many are by hosts that come again and again; the others come once.
const RETURNING: u64 = 35;

/// The most popular of the returning hosts come `2^-POOL_SHIFT` times as often as under the pure law of Zipf, where
/// one of them alone would make a tenth of all traffic.
const POOL_SHIFT: u32 = 5;

const LANES: u64 = 0x6c61_6e65;
const POOL: u64 = 0x706f_6f6c;

const AGENTS: [&str; 16] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 Edg/132.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Gecko/20100101 Firefox/134.0",
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36 OPR/117.0.0.0",
    "Mozilla/5.0 (compatible; SearchBot/2.0; +https://search.example/bot)",
    "curl/8.5.0",
    "python-requests/2.32.3",
    "FeedReader/4.1 (+https://feeds.example)",
];

/// Somebody with an address and a browser: all of it follows from one number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor(u64);

/// All who may be on the site.
///
/// A lane is a place for one visitor at a time, where sessions follow one another, each lane at a pace of its own.
/// So who is there in a second can be told without what was before it.
#[derive(Clone, Debug)]
pub(super) struct Visitors {
    seed: u64,
    lanes: u64,
    pool_bits: u32,
}

impl Visitors {
    /// Visitors that make `rate` requests a second, some four of them each in a session of a bit over two minutes.
    pub(super) fn new(seed: u64, rate: f64) -> Self {
        let many = (40.0 * rate) as u64;
        Self { seed, lanes: 1 + many, pool_bits: (64 + many).ilog2() + 1 }
    }

    /// One of those who are on the site in this second.
    #[inline]
    pub(super) fn pick(&self, second: u64, random: &mut Random) -> Visitor {
        let lane = hash(self.seed ^ LANES, random.below(self.lanes));
        let length = 30 + (lane & 0xff);
        let session = hash(lane, (second + (lane >> 8 & 0xff)) / length);
        if session % 100 < RETURNING {
            let rank = Random::new(session).zipf(POOL_SHIFT, self.pool_bits);
            Visitor(hash(self.seed ^ POOL, rank))
        } else {
            Visitor(mix(session))
        }
    }
}

impl Visitor {
    /// Writes the address: one in sixteen is of IP version 6, in the block that is set aside for documentation.
    #[inline]
    pub(super) fn host(self, out: &mut Vec<u8>) {
        let bits = self.0;
        if bits & 15 == 0 {
            out.extend_from_slice(b"2001:db8:");
            hexadecimal(out, bits >> 48);
            out.push(b':');
            hexadecimal(out, bits >> 32 & 0xffff);
            out.extend_from_slice(b"::");
            hexadecimal(out, bits >> 16 & 0xffff);
            return;
        }
        // Blocks of networks that no visitor of a public site can come from are left out.
        let first = match 1 + (bits >> 56) % 222 {
            private @ (10 | 100 | 127 | 169 | 172 | 192 | 198 | 203) => private + 1,
            public => public,
        };
        decimal(out, first);
        out.push(b'.');
        decimal(out, bits >> 48 & 0xff);
        out.push(b'.');
        decimal(out, bits >> 40 & 0xff);
        out.push(b'.');
        decimal(out, 1 + (bits >> 32 & 0xff) % 254);
    }

    /// The browser, the first ones the most common.
    #[inline]
    pub(super) fn agent(self) -> &'static str {
        let (a, b) = (self.0 >> 4 & 15, self.0 >> 8 & 15);
        AGENTS.get(a.min(b) as usize).copied().unwrap_or("-")
    }
}
