//! Series that the text gives as formulas, such as `100*exp(0.002*i), i=0..119`.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// The values of a formula without a name.
pub fn series(text: &str) -> Vec<f64> {
    let (formula, range) = text.rsplit_once(", i=").expect("a range behind a comma");
    values(formula, range)
}

/// The values of formulas with names: `A=1+i; B=2*i; i=0..39`.
pub fn named_series(text: &str) -> BTreeMap<String, Vec<f64>> {
    let (formulas, range) = text.rsplit_once("; i=").expect("a range behind a semicolon");
    let each = formulas.split(';').map(|part| {
        let (name, formula) = part.split_once('=').expect("a name before the formula");
        (name.trim().to_owned(), values(formula, range))
    });
    each.collect()
}

/// One value for each `i` of `first..last`, both included.
fn values(formula: &str, range: &str) -> Vec<f64> {
    let (first, last) = range.split_once("..").expect("first..last");
    let (first, last): (u32, u32) =
        (first.parse().expect("a number"), last.parse().expect("a number"));
    (first..=last).map(|i| value(formula, f64::from(i))).collect()
}

/// The value of a formula at `i`.
pub fn value(formula: &str, i: f64) -> f64 {
    let mut parser = Parser { rest: formula.chars().peekable(), i };
    let value = parser.sum();
    assert_eq!(parser.peek(), None, "all of {formula:?} is understood");
    value
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    i: f64,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn took(&mut self, what: char) -> bool {
        let is_next = self.peek() == Some(what);
        if is_next {
            self.rest.next();
        }
        is_next
    }

    fn sum(&mut self) -> f64 {
        let mut value = self.product();
        loop {
            if self.took('+') {
                value += self.product();
            } else if self.took('-') {
                value -= self.product();
            } else {
                return value;
            }
        }
    }

    fn product(&mut self) -> f64 {
        let mut value = self.atom();
        loop {
            if self.took('*') {
                value *= self.atom();
            } else if self.took('/') {
                value /= self.atom();
            } else if self.peek() == Some('m') {
                assert_eq!(self.word(), "mod");
                value = value.rem_euclid(self.atom());
            } else {
                return value;
            }
        }
    }

    fn atom(&mut self) -> f64 {
        match self.peek() {
            Some('(') => self.bracket(),
            Some(c) if c.is_ascii_digit() => {
                let mut text = String::new();
                while let Some(c) = self.rest.next_if(|c| c.is_ascii_digit() || *c == '.') {
                    text.push(c);
                }
                text.parse().expect("a number")
            }
            _ => match self.word().as_str() {
                "i" => self.i,
                "exp" => libm::exp(self.bracket()),
                "sin" => libm::sin(self.bracket()),
                "cos" => libm::cos(self.bracket()),
                word => panic!("{word:?} is no function"),
            },
        }
    }

    fn bracket(&mut self) -> f64 {
        assert!(self.took('('), "a bracket opens");
        let value = self.sum();
        assert!(self.took(')'), "a bracket closes");
        value
    }

    fn word(&mut self) -> String {
        self.peek();
        let mut word = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_alphabetic()) {
            word.push(c);
        }
        word
    }
}

#[test]
fn formulas_are_understood() {
    assert_eq!(series("10+(i mod 5), i=3..6"), [13.0, 14.0, 10.0, 11.0]);
    assert_eq!(value("100-2*3 - 8/ (i+2)", 2.0), 92.0);
    assert_eq!(value("20+cos(1.7*i)", 0.0), 21.0);
    let named = named_series("A=1+i; B=2*i; i=0..1");
    assert_eq!(named["B"], [0.0, 2.0]);
}
