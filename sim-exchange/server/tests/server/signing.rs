//! Signatures: HMAC, RSA, Ed25519, and where they stand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::AccountId;
use exchange_server::{ApiKey, KeySecret};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

use crate::harness::{KEYS, Venue, sign, start, start_with};

const SYMBOLS: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC";

fn limit(venue: &Venue, id: &str) -> String {
    let now = venue.ms();
    format!("quantity=0.01&price=49000&newClientOrderId={id}&timestamp={now}")
}

#[test]
fn parameters_come_in_the_query_in_the_body_or_in_both() {
    let venue = start();
    let (key, secret) = KEYS[0];
    let order = |query: &str, body: &str| {
        let target = if query.is_empty() {
            "/fapi/v1/order".to_owned()
        } else {
            format!("/fapi/v1/order?{query}")
        };
        venue.raw("POST", &target, Some(key), body)
    };
    let all = format!("{SYMBOLS}&{}", limit(&venue, "query"));
    order(&format!("{all}&signature={}", sign(secret, &all)), "").ok();
    let all = format!("{SYMBOLS}&{}", limit(&venue, "body"));
    order("", &format!("{all}&signature={}", sign(secret, &all).to_uppercase())).ok();
    // Split: the query is followed directly by the body.
    let rest = limit(&venue, "split");
    let signature = sign(secret, &format!("{SYMBOLS}{rest}"));
    order(SYMBOLS, &format!("{rest}&signature={signature}")).ok();
    let rest = limit(&venue, "split2");
    let signature = sign(secret, &format!("{SYMBOLS}{rest}"));
    order(&format!("{SYMBOLS}&signature={signature}"), &rest).ok();
    // The signature need not be the last.
    let all = format!("{SYMBOLS}&{}", limit(&venue, "first"));
    order(&format!("signature={}&{all}", sign(secret, &all)), "").ok();
    let books = venue.books(0);
    assert_eq!(
        crate::harness::ids(&books["openOrders"]),
        ["query", "body", "split", "split2", "first"]
    );
}

#[test]
fn a_text_that_was_not_signed_is_refused() {
    let venue = start();
    let (key, secret) = KEYS[0];
    let all = format!("{SYMBOLS}&{}", limit(&venue, "a"));
    let signature = sign(secret, &all);
    for query in [
        format!("{all}&quantity=5&signature={signature}"),
        format!("{all}&signature={}", sign("another", &all)),
        format!("{all}&signature=zz"),
        format!("{all}&signature={}", &signature[1..]),
    ] {
        let answer = venue.raw("POST", &format!("/fapi/v1/order?{query}"), Some(key), "");
        assert_eq!(
            answer.refusal(),
            (400, -1022, "Signature for this request is not valid.".to_owned())
        );
    }
    assert_eq!(venue.books(0)["orders"].as_array().unwrap().len(), 0);
}

fn percent(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// A DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let inside = parts.concat();
    let mut all = vec![tag];
    match inside.len() {
        short @ 0..0x80 => all.push(short as u8),
        long => all.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    all.extend(inside);
    all
}

#[test]
fn ed25519_and_rsa_keys_sign_too() {
    let random = SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let ed = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let ed_der = der(
        0x30,
        &[
            &der(0x30, &[&der(0x06, &[&[0x2b, 0x65, 0x70]])]),
            &der(0x03, &[&[0], ed.public_key().as_ref()]),
        ],
    );
    let rsa = RsaKeyPair::from_der(&STANDARD.decode(RSA.replace('\n', "")).unwrap()).unwrap();
    let oid: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let rsa_der = der(
        0x30,
        &[
            &der(0x30, &[&der(0x06, &[oid]), &[0x05, 0x00]]),
            &der(0x03, &[&[0], rsa.public().as_ref()]),
        ],
    );
    let venue = start_with(|setup| {
        for (key, pem) in [("edkey", pem(&ed_der)), ("rsakey", pem(&rsa_der))] {
            let secret = KeySecret::PublicKeyPem(pem);
            setup.server.keys.push(ApiKey { key: key.to_owned(), account: AccountId(1), secret });
        }
    });
    let by = |key: &str, all: &str, signature: &str| {
        let target = format!("/fapi/v1/order?{all}&signature={signature}");
        venue.raw("POST", &target, Some(key), "")
    };
    let all = format!("{SYMBOLS}&{}", limit(&venue, "ed"));
    let signature = STANDARD.encode(ed.sign(all.as_bytes()));
    by("edkey", &all, &percent(&signature)).ok();
    let all = format!("{SYMBOLS}&{}", limit(&venue, "rsa"));
    let mut signed = vec![0; rsa.public().modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, all.as_bytes(), &mut signed).unwrap();
    by("rsakey", &all, &percent(&STANDARD.encode(&signed))).ok();
    assert_eq!(by("edkey", &all, &percent(&STANDARD.encode(&signed))).refusal().1, -1022);
    assert_eq!(crate::harness::ids(&venue.books(1)["openOrders"]), ["ed", "rsa"]);
}

/// A key of this test alone, as PKCS #1 has it.
const RSA: &str = "MIIEpQIBAAKCAQEAq844ee5GOeeptAWps4PtafD71qH3W+7i1NE+w9o8ZVdUqQlxCqRsHrN0f29f9lVuOGJ6JQy2qW51uGOQd8L7
yexYGBLoRyFnFnzvHOaGfJIfOhgk1m8jpNE/vvYoXZH6tABLvsQ9ld49hoadhvy18IKOxUEzJaw+wrSTn466oBj/vf1PQVy8IHe2
xdEFsoTVkw+xWRpGjOLhgntou1U2bwjm37AMNZRVmAzvRbotCo2plg1OMrmFE097aGNUtVUKYO9SEgLkFqgYYfv1FGnPSJ/IrXhp
AsLEpNARGYaxTR+S8urFbSYcVla5vu7fqcdcF19l3F7pK2gHp7RWoXUEfQIDAQABAoIBAAXs3ZFE+LqQBRAOnvDwRJyiAUmAegO7
bCrLUacXDHyxQ5v11aZ4j7sKVOL9QBnCjgPXT5+d/eG/i8NReb7LpHvtEQe5hTXIzuGdavC7+ZjrwDR0dzbHC/tn9RMcsb0yZutU
1EfuxDH6QXR1iZLJfeve0NY4Pq+Wrm5wJGQ9G64gSBncXZBq4vfhBXkc3CH3nW2xmTsqo+r8HrplvIQ4Ha9xqiQqXquNzJMPsVSX
/MOKEclVSn5FIcTEz0wq2Y/nUrvIi0MGHmLztXt0w+SyOj9rw7nEP/P/cHg79j+t1zhZm6STt04q0Z/GZnD8nWGxCoExl3295eVI
/mWOZQy+isECgYEA3pUr2+xj2VELF0mdsCOwbNkh9wBEUAEncNhF9F3oH7zFQi9t9XFJfy9H6VXmd7c1QEp4jIrMIzPOtfHIuqDO
47e4nkcnqa31dPZCLsTOe1MMAcOBO9CokcQlf9Ob0srWI37X4T/b+Qb5/TYyLkkpZNEPY+FHsoaD3u9fMjpFZD0CgYEAxZl1+Mdm
iU2n4Cu39tzBDZm7G8Ad5y9HJxlvmI6flf7uYDZxnvHFOw7k+awPeFTAbwanCiL42H9reHnmbteS59+iA0QlHQJwnTq2QJTaR5GQ
0MrgwQ8sWkXm2l4d9i/3CcetTw16Lz+duWdnR7KgmvfPqUJRC931m+4SFEac5UECgYEAz2NADVaxJf/MDLOruD1YmeKqMeFOxRh+
Ljdk3q5MpJ2XUfatRn56k4VzRGakKTFL7Y41ygVc9QPFe2M/uxwwCJ7a5qa3vvJ1/LeirL71AJU9X7tQg3IETmTq57I7wuj5IvOB
o7+DbwFgFdzUXqoOZoAgDdkOm7mXzzVLhpoio6UCgYEAqCzeTShYyo8/S/mpjv9/h3XJ2+p9COAiLNLnOe5ZQK5Cb7ymo2KePI+G
rkCUwhNP3K7KyEPPi2OXMmh9iOUM8TBSkXkUJUaIVik8KGcICFWJ7UpeU7H4S7SmsD/ePEPCe55okJml3kTElqG9MzaCnqI/KY15
sSHuAhJzbLJUooECgYEArnPBLqfhuvqPAlE0+OneS7OyVHXTdbOu1vZBVaOfJ6yWqHZZNzuU6Qp5Xcd46HrkXFuwdvcmDHEZt9BB
G/DNtz+mFLH2ofw7LZipdrA5ONNrk00Jit0XIpwOT+b3HmHfKlYxkE2Xa0lI03aPVZqmTEqvqkj/Jly+qNq7KrM3KuU=
";
