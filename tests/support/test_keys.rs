//! Keys that were made for tests and are of no account anywhere: DER in base64, without the lines of PEM around it.
#![allow(dead_code, reason = "each test file uses a part of it")]

/// A private key (PKCS#8).
pub const ED25519: &str =
    concat!("MC4CAQAwBQYDK2VwBCIEIL4bfFOSG5kLwII+LUso9sbD4enrwWT9HNHLglr16gpj",);

/// Its public key (SubjectPublicKeyInfo).
pub const ED25519_PUBLIC: &str =
    concat!("MCowBQYDK2VwAyEAcfor4iVVKLuYFMVU+kFFpMQP+Ct5fO16hyyBbnsbepY=",);

/// A private key of 2048 bits (PKCS#8).
pub const RSA: &str = concat!(
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCryjxM1E65nEADn6A1e49GNv8mAFx7gsrCKuqIlq",
    "NC/oftp0GXRDuBaEkhbmKNgHrnfpPz8wj5lv/hltAdpFF3qXQ5rUTQD09HduStW8MjkDER7GMKe3Qq6gqHumyPTRPj",
    "RL/rAsbFTOl4173H/D/K6wwUJa9Ka1H+3yM3abSSKmY+Iz4n1JaoIdKq1dzO96hCpn/SLLaw9F7Pb+Day3EXUyxRHr",
    "c4LMiQY7vwfqQPlboOd4jC8RJMxFiUJVRxND/0uadaRO24ywO89u/oXPe9PP6kybB53/KsideOCMlqxAfsArjf4GDE",
    "AtvOaJ7GUUCnMzzfZrW0pw4y8AuXl6QBAgMBAAECggEAQ47Tqe8wSoQtFH+49G90B8vnCV3JAPWNoVBZTX/YEqegcx",
    "B8le1KbXjCkbgkX7twGgvISX6BQA5m8KNrksylESb9wxTl4+Cxb8xM3/QfSKQS+BZ7WIr2Q04o9/mTacOJF65YvyYn",
    "Xz4A7voA8127BKTs6htr1Rthcpbz9X3Helc3IRuh8KeOUPglz6znOBZRTafzdN44v1cmeE7Elno18psi6KmjLHXAxx",
    "W0yEj6aFskla5T9K33ImJDrc33aFZEK/xq+xAidvr6qGoaoks8Z0O34LrXU+zn4DSCjLR7t2AizZp8q47bTj409Grg",
    "z5KDecNwxZChPjAPzXdUu2619QKBgQDbsDwuxey6VwzqDMstELG8cvHe2McfJT2qFZ6P7zPLhBNWD1KSuR36xcCutW",
    "woMHADwtTPqvHHS1sK3m82d6xD7M+qBFNsT2lGpfeRy9RU+NBAcMxc6hDdOXb+mPFJA5MK0HnG0u7fgNvCQR9okPph",
    "JBV8CNS+0L3SO/GSdE9WJwKBgQDIL0ErsDOecxZUzE1OreX+187rhbElLteipLpQBh16Zhf7K2nJ8n+ZaDyvTjmkby",
    "iaZ9sV9MQf7FRvF/DtcxpXIfth5DDhx33K7CO4sgFDfwCxFlUxKqFdX1K/hGSgTIhyJjMxOSOydXe0AH030CFLcKbf",
    "Dc2LMJ6g5b/OAbR1lwKBgQC7+VPFgb1Iw+tc6I2AheROptumHj5iu+7DdbQy3C2pWd1hqcKxoIuyYzq3QqzExo1R6o",
    "dFGbO/Hw9LgYAPTt6rUBlwFDt9VYVy2de3fHy2KB+ow9tZNT4wzFaxChSKsPBENJW+NgYGX6+pyycgxcw3CjUH6FaA",
    "3wNMu9W7xqGLyQKBgEWOxeJcU1NXQgctBh+0pRor+qYzyh3VbPACtQphVZTWLLcFmrilHlk7svpm//h293DPbXzvk8",
    "ZT4/LGKt0XBawJDsQw+hs5qif8bV0b3PyLAL6HuAphebhsCuCpLB3W+gJP67HK3PCBiJpvIRNnqmoANruCnE0lE7ls",
    "m30FcqL5AoGBAIRCpiztFa/qBWfRsXqq6yNTnOLHws0othqjm2tSaenXHPqpyLMSRCxTvgfopM/j7l08c0mhBjzgnj",
    "VdLwWVeblP5P69GnHxFW5WZTwMzEo7TZEdxJ8A3hH7NCmLY0HpFcwMDZeJnI/NWOcpHBgOyTWK+zHEk1xH5EEzC3qj",
    "VZkt",
);

/// Its public key (SubjectPublicKeyInfo).
pub const RSA_PUBLIC: &str = concat!(
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq8o8TNROuZxAA5+gNXuPRjb/JgBce4LKwirqiJajQv6H7a",
    "dBl0Q7gWhJIW5ijYB6536T8/MI+Zb/4ZbQHaRRd6l0Oa1E0A9PR3bkrVvDI5AxEexjCnt0KuoKh7psj00T40S/6wLG",
    "xUzpeNe9x/w/yusMFCWvSmtR/t8jN2m0kipmPiM+J9SWqCHSqtXczveoQqZ/0iy2sPRez2/g2stxF1MsUR63OCzIkG",
    "O78H6kD5W6DneIwvESTMRYlCVUcTQ/9LmnWkTtuMsDvPbv6Fz3vTz+pMmwed/yrInXjgjJasQH7AK43+BgxALbzmie",
    "xlFApzM832a1tKcOMvALl5ekAQIDAQAB",
);

/// As a file has it.
pub fn pem(kind: &str, der: &str) -> String {
    let mut text = format!("-----BEGIN {kind}-----\n");
    for line in der.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + &format!("-----END {kind}-----\n")
}
