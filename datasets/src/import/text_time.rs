//! Times that the archive writes as `2025-06-05 00:05:00`, in UTC.

/// Whether it is such a text, or meant to be one.
pub(super) fn is_text(text: &[u8]) -> bool {
    text.len() == 19 && text[4] == b'-' && text[10] == b' '
}

/// Its microseconds.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    if !is_text(text) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(time.and_utc().timestamp_micros())
}
