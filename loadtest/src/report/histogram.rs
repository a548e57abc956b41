//! Histograms of nanoseconds, in and out of a report.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use super::model::Latency;

/// Of an inflated histogram. One of four digits up to an hour of nanoseconds, every count a large
/// one, takes less than half.
const HISTOGRAM_BYTES_MAX: u64 = 8 << 20;
/// Marks the deflated form; the next four bytes are the length of what is deflated.
const COOKIE_DEFLATED: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
/// Of the form that is inside, before its counts: cookie, length of the counts, offset, digits,
/// lowest, highest, ratio.
const HEADER_BYTES: usize = 40;
/// A run of zeros as long as that is no histogram's, and the decoder cannot negate it.
const ENDLESS_ZEROS: [u8; 9] = [0xff; 9];
/// Digits of merged histograms.
const DIGITS: u8 = 3;

/// Reads a histogram as a report holds it; `None` where it holds none.
pub(crate) fn decode(text: &str) -> Result<Option<Histogram<u64>>> {
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = STANDARD.decode(text).context("it is not base64")?;
    let deflated = bytes
        .strip_prefix(&COOKIE_DEFLATED)
        .context("it does not begin as the V2 form with deflate does")?;
    let deflated = deflated.get(4..).context("it ends in its head")?;
    let mut inflated = Vec::new();
    ZlibDecoder::new(deflated)
        .take(HISTOGRAM_BYTES_MAX + 1)
        .read_to_end(&mut inflated)
        .context("it cannot be inflated")?;
    // The decoder takes as much memory as the length says, whatever follows it.
    let counts = inflated.get(HEADER_BYTES..).context("it ends in its head")?;
    let length = inflated.get(4..8).and_then(|length| length.try_into().ok());
    let length = length.map(u32::from_be_bytes).and_then(|length| usize::try_from(length).ok());
    ensure!(length == Some(counts.len()), "its length is not what it says, or beyond the limit");
    let endless = counts.windows(ENDLESS_ZEROS.len()).any(|window| window == ENDLESS_ZEROS);
    ensure!(!endless, "it is longer than any histogram");
    let histogram = Deserializer::new()
        .deserialize(&mut inflated.as_slice())
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(Some(histogram))
}

/// Writes a histogram as a report holds it.
pub(crate) fn encode(histogram: &Histogram<u64>) -> Result<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).context("cannot deflate")?;
    Ok(STANDARD.encode(bytes))
}

/// One histogram of all.
pub(crate) fn merged(histograms: &[Histogram<u64>]) -> Result<Histogram<u64>> {
    let mut sum = Histogram::new(DIGITS).context("cannot make a histogram")?;
    for histogram in histograms {
        sum.add(histogram).context("cannot add a histogram")?;
    }
    Ok(sum)
}

/// What a report says of a histogram.
pub(crate) fn latency(histogram: &Histogram<u64>) -> Result<Latency> {
    let quantile = |quantile| us(histogram.value_at_quantile(quantile));
    Ok(Latency {
        min_us: us(histogram.min()),
        mean_us: histogram.mean() / 1e3,
        p50_us: quantile(0.5),
        p90_us: quantile(0.9),
        p99_us: quantile(0.99),
        p999_us: quantile(0.999),
        p9999_us: quantile(0.9999),
        max_us: us(histogram.max()),
        standard_deviation_us: histogram.stdev() / 1e3,
        histogram: encode(histogram)?,
    })
}

/// Nanoseconds as microseconds.
pub(crate) fn us(nanoseconds: u64) -> f64 {
    super::units::real(nanoseconds) / 1e3
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn of(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(DIGITS).unwrap();
        for value in values {
            histogram.record(*value).unwrap();
        }
        histogram
    }

    /// What a file could hold in place of a histogram's inflated form.
    fn disguised(inflated: &[u8]) -> String {
        let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
        deflated.write_all(inflated).unwrap();
        let deflated = deflated.finish().unwrap();
        let length = u32::try_from(deflated.len()).unwrap().to_be_bytes();
        STANDARD.encode([&COOKIE_DEFLATED[..], &length, &deflated].concat())
    }

    fn header(counts: u32) -> Vec<u8> {
        let mut header = vec![0x1c, 0x84, 0x93, 0x13];
        header.extend(counts.to_be_bytes());
        header.extend([0, 0, 0, 0, 0, 0, 0, 3]);
        header.extend(1_u64.to_be_bytes());
        header.extend(3_600_000_000_000_u64.to_be_bytes());
        header.extend(1_f64.to_be_bytes());
        header
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let histogram = of(&[850, 1_200_000, 3_000_000_000]);
        assert_eq!(decode(&encode(&histogram).unwrap()).unwrap(), Some(histogram));
        assert_eq!(decode("").unwrap(), None);
    }

    #[test]
    fn merged_histograms_hold_the_values_of_each() {
        let merged = merged(&[of(&[1_000; 99]), of(&[5_000_000])]).unwrap();
        let latency = latency(&merged).unwrap();
        assert_eq!(merged.len(), 100);
        assert!((latency.p50_us - 1.0).abs() < 0.01, "{}", latency.p50_us);
        assert!((latency.max_us - 5000.0).abs() < 5.0, "{}", latency.max_us);
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        let whole = encode(&of(&[1, 2, 3])).unwrap();
        for text in ["!", "AAAA", "HISTGA==", &whole[..whole.len() - 8], "HISTFAAAAAA="] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert!(decode(&disguised(&header(0)[..30])).is_err());
    }

    #[test]
    fn lengths_are_not_believed() {
        assert!(decode(&disguised(&header(0))).unwrap().is_some_and(|it| it.is_empty()));
        assert!(decode(&disguised(&header(u32::MAX))).is_err());
        let bomb = vec![0; usize::try_from(HISTOGRAM_BYTES_MAX).unwrap()];
        let length = u32::try_from(bomb.len()).unwrap();
        assert!(decode(&disguised(&[header(length), bomb].concat())).is_err());
    }

    #[test]
    fn counts_beyond_every_histogram_are_refused() {
        let counts = [&[0xff; 9][..], &[0; 20]].concat();
        let length = u32::try_from(counts.len()).unwrap();
        assert!(decode(&disguised(&[header(length), counts].concat())).is_err());
    }
}
