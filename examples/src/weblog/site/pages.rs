//! What there is on the site: paths, and how large the answers are.

use super::{
    random::{Random, hash},
    write::{decimal, two},
};

const PAGES: u64 = 0x7061_6765;
const IMAGES: u64 = 0x696d_6167;

/// The most visited pages, in this order.
const TOP: [&str; 12] = [
    "/",
    "/products/",
    "/blog/",
    "/products/new",
    "/offers/spring",
    "/about",
    "/help/shipping",
    "/account",
    "/products/garden/",
    "/contact",
    "/help/returns",
    "/feed.xml",
];

const CATEGORIES: [&str; 16] = [
    "garden", "kitchen", "lighting", "bath", "office", "outdoor", "textiles", "storage", "tools", "toys", "bikes",
    "camping", "audio", "books", "music", "sale",
];

const ADJECTIVES: [&str; 32] = [
    "amber", "blue", "bright", "calm", "classic", "compact", "copper", "crimson", "daily", "deep", "eco", "fine",
    "foldable", "golden", "grand", "green", "handmade", "ivory", "light", "lunar", "modern", "nordic", "oak",
    "portable", "quiet", "rustic", "silver", "slim", "solid", "urban", "velvet", "woven",
];

const NOUNS: [&str; 32] = [
    "basket", "bench", "blanket", "bottle", "bowl", "box", "chair", "clock", "cup", "curtain", "desk", "drawer",
    "frame", "hammock", "kettle", "lamp", "lantern", "mat", "mirror", "mug", "pan", "pillow", "planter", "rack", "rug",
    "shelf", "sofa", "stool", "table", "tent", "towel", "vase",
];

const MISSING: [&str; 8] = [
    "/wp-login.php",
    "/.env",
    "/favicon.png",
    "/xmlrpc.php",
    "/apple-touch-icon.png",
    "/phpmyadmin/index.php",
    "/products/undefined",
    "/.git/config",
];

const SHARED_ASSETS: [&str; 8] = [
    "/static/css/main.4f1c.css",
    "/static/js/app.9b27.js",
    "/static/js/vendor.77d0.js",
    "/static/fonts/inter.woff2",
    "/favicon.ico",
    "/static/img/logo.svg",
    "/static/css/print.01ab.css",
    "/static/js/cart.5e3d.js",
];

#[inline]
fn word(words: &[&'static str], bits: u64) -> &'static [u8] {
    words.get(bits as usize % words.len().max(1)).map_or(b"x", |word| word.as_bytes())
}

/// What kind of thing a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Page,
    Search,
    Api,
    /// A form that is sent in.
    Form,
    Asset,
    Download,
    Missing,
}

impl Kind {
    /// Draws one in the proportions of a usual shop.
    #[inline]
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(1_000) {
            0..520 => Self::Page,
            520..600 => Self::Search,
            600..660 => Self::Api,
            660..680 => Self::Form,
            680..965 => Self::Asset,
            965..970 => Self::Download,
            _ => Self::Missing,
        }
    }

    /// Whether the application behind the web server answers, rather than the server itself from its disk.
    #[inline]
    pub(super) fn is_dynamic(self) -> bool {
        !matches!(self, Self::Asset | Self::Download)
    }
}

/// The pages and images, as many as the site's traffic calls for.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    seed: u64,
    bits: u32,
}

impl Pages {
    /// A hundred and more pages for each request a second.
    pub(super) fn new(seed: u64, rate: f64) -> Self {
        Self { seed, bits: (1_024 + (100.0 * rate) as u64).ilog2() + 1 }
    }

    /// Writes the target of a request and tells the usual size of the answer.
    #[inline]
    pub(super) fn target(&self, kind: Kind, random: &mut Random, out: &mut Vec<u8>) -> u64 {
        let (base, bits) = match kind {
            Kind::Page => {
                let rank = random.zipf(0, self.bits);
                self.page(rank, out);
                // A page is as long as it is, but for what it says about its reader.
                return heavy(14_000, hash(self.seed, rank)) + random.below(400);
            }
            Kind::Search => {
                out.extend_from_slice(b"/search?q=");
                let bits = random.next();
                out.extend_from_slice(word(&ADJECTIVES, bits >> 8));
                out.push(b'+');
                // Half of all searches are for one of a few words, the others for anything.
                let few = if bits & 1 == 0 { 4 } else { NOUNS.len() as u64 };
                out.extend_from_slice(word(&NOUNS, (bits >> 16) % few));
                if bits & 6 == 0 {
                    out.extend_from_slice(b"&page=");
                    decimal(out, 2 + (bits >> 32 & 7));
                }
                (9_000, bits >> 40)
            }
            Kind::Api => {
                match random.below(4) {
                    0 => out.extend_from_slice(b"/api/v1/cart"),
                    1 => out.extend_from_slice(b"/api/v1/session"),
                    _ => {
                        out.extend_from_slice(b"/api/v1/stock/");
                        decimal(out, 1 + random.zipf(3, self.bits));
                    }
                }
                (420, random.next())
            }
            Kind::Form => {
                let forms = ["/cart/add", "/login", "/checkout", "/newsletter"];
                out.extend_from_slice(word(&forms, random.below(4)));
                (700, random.next())
            }
            Kind::Asset => {
                if random.below(2) == 0 {
                    let asset = random.zipf(0, 3);
                    out.extend_from_slice(word(&SHARED_ASSETS, asset));
                    return heavy(38_000, hash(self.seed ^ PAGES, asset));
                }
                let image = random.zipf(2, self.bits);
                out.extend_from_slice(b"/images/products/");
                decimal(out, 1 + image);
                out.extend_from_slice(b".webp");
                (22_000, hash(self.seed ^ IMAGES, image))
            }
            Kind::Download => {
                out.extend_from_slice(b"/downloads/manual-");
                decimal(out, 1 + random.zipf(2, 8));
                out.extend_from_slice(b".pdf");
                (2_400_000, random.next())
            }
            Kind::Missing => {
                let missing = random.below(16);
                if missing < 8 {
                    out.extend_from_slice(word(&MISSING, missing));
                } else {
                    // A link that has grown old.
                    self.page(random.zipf(5, self.bits), out);
                    out.extend_from_slice(b".html");
                }
                return 512 + random.below(64);
            }
        };
        heavy(base, bits)
    }

    /// Writes the path of some popular page, for a referer.
    #[inline]
    pub(super) fn popular(&self, random: &mut Random, out: &mut Vec<u8>) {
        self.page(random.zipf(0, self.bits.min(12)), out);
    }

    /// Writes the path of the page of a popularity rank.
    #[inline]
    fn page(&self, rank: u64, out: &mut Vec<u8>) {
        if let Some(top) = TOP.get(rank as usize) {
            out.extend_from_slice(top.as_bytes());
            return;
        }
        let bits = hash(self.seed ^ PAGES, rank);
        match bits & 15 {
            0..=7 => {
                out.extend_from_slice(b"/products/");
                out.extend_from_slice(word(&CATEGORIES, bits >> 8));
                out.push(b'/');
            }
            8..=12 => {
                // Half of what is read on the blog is of the current year, which is two months old.
                let (year, months) = match (bits >> 8) % 6 {
                    0..=2 => (2_025, 2),
                    3 | 4 => (2_024, 12),
                    _ => (2_023, 12),
                };
                out.extend_from_slice(b"/blog/");
                decimal(out, year);
                out.push(b'/');
                two(out, 1 + (bits >> 12) % months);
                out.push(b'/');
            }
            _ => {
                out.extend_from_slice(b"/help/");
                out.extend_from_slice(word(&CATEGORIES, bits >> 8));
                out.push(b'/');
            }
        }
        out.extend_from_slice(word(&ADJECTIVES, bits >> 16));
        out.push(b'-');
        out.extend_from_slice(word(&NOUNS, bits >> 24));
        out.push(b'-');
        decimal(out, rank);
    }

    /// Writes the path of a page that only a crawler ever finds, and tells its size.
    #[inline]
    pub(super) fn deep(&self, number: u64, out: &mut Vec<u8>) -> u64 {
        let bits = hash(self.seed ^ PAGES, number);
        out.extend_from_slice(b"/archive/");
        decimal(out, 2_005 + bits % 20);
        out.push(b'/');
        out.extend_from_slice(word(&CATEGORIES, bits >> 8));
        out.push(b'/');
        decimal(out, number);
        heavy(6_000, bits >> 16)
    }
}

/// A size that is about `base` in the middle and has a long tail, close to a log-normal distribution: two to the
/// power of a bell-shaped number, with straight lines between the powers. `bits` is a random number of at least 32
/// bits.
#[inline]
fn heavy(base: u64, bits: u64) -> u64 {
    let sum: u64 = [0, 8, 16, 24].iter().map(|shift| bits >> shift & 0xff).sum();
    // Octaves in 1/128, from 0 to just under 8 and 4 in the middle: a standard deviation of 1.16 octaves.
    ((base * (128 + (sum & 127))) << (sum >> 7)) >> 11
}
