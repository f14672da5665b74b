//! Redis' glob patterns, as SCAN MATCH and KEYS use them.

/// Whether all of `text` matches `pattern`: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a literal byte.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume when a literal fails: behind the last star, with one more byte under it. One
    // star is enough to remember, so a hostile pattern costs at most pattern times text.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        match one(&pattern[p..], text[t]) {
            Some(used) => {
                p += used;
                t += 1;
            }
            None => match star {
                Some((after, under)) => {
                    star = Some((after, under + 1));
                    p = after;
                    t = under + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// What each text that matches begins with.
pub(super) fn beginning(pattern: &[u8]) -> &[u8] {
    let special = pattern.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
    &pattern[..special.unwrap_or(pattern.len())]
}

/// How many bytes of the pattern's head match this byte; `None` when they do not.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => class(pattern, byte),
        b'\\' if pattern.len() >= 2 => (pattern[1] == byte).then_some(2),
        literal => (literal == byte).then_some(1),
    }
}

/// A class ends at its bracket or, as Redis forgives, at the end of the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        match pattern.get(at) {
            None => break,
            Some(b']') => {
                at += 1;
                break;
            }
            Some(b'\\') if at + 1 < pattern.len() => {
                found |= pattern[at + 1] == byte;
                at += 2;
            }
            Some(&low) => {
                if pattern.get(at + 1) == Some(&b'-') && at + 2 < pattern.len() {
                    let high = pattern[at + 2];
                    found |= (low.min(high)..=low.max(high)).contains(&byte);
                    at += 3;
                } else {
                    found |= low == byte;
                    at += 1;
                }
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::{beginning, matches};

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("quantum:permit:*", "quantum:permit:p33:1", true),
            ("quantum:permit:*", "quantum:permi", false),
            ("*USDT", "BTCUSDT", true),
            ("*:p33:*", "quantum:permit:p33:1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[ab", "b", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn beginnings() {
        for (pattern, expected) in [
            ("*", ""),
            ("a:*:b", "a:"),
            ("a?", "a"),
            ("ab[c]", "ab"),
            ("a\\*", "a"),
            ("abc", "abc"),
        ] {
            assert_eq!(beginning(pattern.as_bytes()), expected.as_bytes(), "{pattern}");
        }
    }
}
