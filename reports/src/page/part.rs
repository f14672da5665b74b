//! One part of the data in the page: JSON while it is small, gzip in base64 when it grows.

use std::io::{self, Write};

use base64::engine::GeneralPurpose;
use base64::prelude::BASE64_STANDARD;
use base64::write::EncoderWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

/// A part of more bytes is packed; as many are kept before they are.
const INLINE_BYTES_MAX: usize = 64 * 1024;
/// Twice as fast as the usual 6, for files a twentieth larger.
const LEVEL: u32 = 4;

type Packed<'o, W> = GzEncoder<EncoderWriter<'static, GeneralPurpose, &'o mut W>>;

/// Where a part's bytes go.
enum Target<'o, W: Write> {
    Undecided(&'o mut W),
    Packed(Box<Packed<'o, W>>),
    /// Between the two, or behind an error.
    Gone,
}

struct Part<'o, W: Write> {
    name: String,
    held: Vec<u8>,
    target: Target<'o, W>,
}

/// Text as it stands in an attribute or an element.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Writes one part. A time of its own stands in no header of gzip, so that equal values give equal bytes.
pub(super) fn write<W: Write>(out: &mut W, name: &str, value: &impl Serialize) -> io::Result<()> {
    let held = Vec::with_capacity(INLINE_BYTES_MAX);
    let mut part = Part { name: escaped(name), held, target: Target::Undecided(out) };
    serde_json::to_writer(&mut part, value)?;
    part.end()
}

impl<W: Write> Part<'_, W> {
    /// Packs what is held.
    fn pack(&mut self) -> io::Result<()> {
        self.target = match std::mem::replace(&mut self.target, Target::Gone) {
            Target::Undecided(out) => {
                write!(
                    out,
                    r#"<script type="text/plain" data-part="{}" data-encoding="gzip">"#,
                    self.name
                )?;
                let base64 = EncoderWriter::new(out, &BASE64_STANDARD);
                Target::Packed(Box::new(GzEncoder::new(base64, Compression::new(LEVEL))))
            }
            other => other,
        };
        if let Target::Packed(packed) = &mut self.target {
            packed.write_all(&self.held)?;
        }
        self.held.clear();
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        if let Target::Packed(_) = self.target {
            self.pack()?;
        }
        let out = match self.target {
            Target::Packed(packed) => packed.finish()?.finish()?,
            Target::Undecided(out) => {
                write!(
                    out,
                    r#"<script type="application/json" data-part="{}" data-encoding="json">"#,
                    self.name
                )?;
                for piece in self.held.split_inclusive(|byte| *byte == b'<') {
                    match piece.strip_suffix(b"<") {
                        Some(text) => {
                            out.write_all(text)?;
                            out.write_all(br"\u003c")?;
                        }
                        None => out.write_all(piece)?,
                    }
                }
                out
            }
            Target::Gone => return Err(io::Error::other("a part was not written to its end")),
        };
        out.write_all(b"</script>\n")
    }
}

impl<W: Write> Write for Part<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() + bytes.len() > INLINE_BYTES_MAX {
            self.pack()?;
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::io::Read as _;

    use base64::Engine as _;
    use flate2::read::GzDecoder;

    use super::*;

    fn written(name: &str, value: &impl Serialize) -> String {
        let mut out = Vec::new();
        write(&mut out, name, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_small_part_is_json_that_cannot_end_its_element() {
        assert_eq!(
            written("a\"<&", &["</script><b>", "<"]),
            "<script type=\"application/json\" data-part=\"a&quot;&lt;&amp;\" data-encoding=\"json\">\
             [\"\\u003c/script>\\u003cb>\",\"\\u003c\"]</script>\n"
        );
    }

    #[test]
    fn a_large_part_is_packed_and_comes_out_again() {
        // One byte more than may stand as it is: two quotes, and the text between them.
        let text = "<é".repeat(INLINE_BYTES_MAX / 3 + 1);
        for (text, packed) in [(text.clone(), true), (text[3 * 2..].to_owned(), false)] {
            let page = written("x", &text);
            assert_eq!(page.contains("data-encoding=\"gzip\""), packed);
            assert_eq!(page, written("x", &text), "the same bytes again");
            if packed {
                let body = page.split_once("gzip\">").unwrap().1;
                let body = body.strip_suffix("</script>\n").unwrap();
                let bytes = BASE64_STANDARD.decode(body).unwrap();
                let mut json = String::new();
                GzDecoder::new(&bytes[..]).read_to_string(&mut json).unwrap();
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            }
        }
    }
}
