//! Every way to write a JSON value down, and values worth writing.

use proptest::prelude::*;

use super::tree::Json;

/// The liberties a writer has, decided by a list of bytes.
#[derive(Clone, Debug)]
pub struct Pen {
    choices: Vec<u8>,
    next: usize,
    /// Members of different names may be put into another order.
    pub shuffles: bool,
    /// `10` may be written as `10.0` or `1e1`.
    pub respells_integers: bool,
}

impl Pen {
    fn pick(&mut self, ways: usize) -> usize {
        self.next += 1;
        usize::from(self.choices[self.next % self.choices.len()]) % ways
    }

    pub fn write(&mut self, value: &Json) -> Vec<u8> {
        let mut out = String::new();
        self.value(value, &mut out);
        out.into_bytes()
    }

    fn space(&mut self, out: &mut String) {
        out.push_str(["", "", "", " ", "\n\t", "\r\n  "][self.pick(6)]);
    }

    fn value(&mut self, value: &Json, out: &mut String) {
        self.space(out);
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
            Json::Integer(integer) => self.integer(*integer, out),
            Json::Fraction(fraction) => out.push_str(&serde_json::Value::from(*fraction).to_string()),
            Json::Text(text) => self.text(text, out),
            Json::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.value(element, out);
                }
                self.space(out);
                out.push(']');
            }
            Json::Object(members) => self.object(members, out),
        }
        self.space(out);
    }

    fn object(&mut self, members: &[(String, Json)], out: &mut String) {
        let mut order: Vec<_> = members.iter().collect();
        if self.shuffles {
            for index in 1..order.len() {
                let other = self.pick(index + 1);
                let between = &order[other..=index];
                let moves_a_twin = between.iter().enumerate().any(|(at, member)| {
                    (at > 0 && member.0 == between[0].0)
                        || (at + 1 < between.len() && member.0 == order[index].0)
                });
                if !moves_a_twin {
                    order.swap(other, index);
                }
            }
        }
        out.push('{');
        for (index, (name, value)) in order.into_iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            self.space(out);
            self.text(name, out);
            self.space(out);
            out.push(':');
            self.value(value, out);
        }
        self.space(out);
        out.push('}');
    }

    fn integer(&mut self, integer: i64, out: &mut String) {
        let ways = if self.respells_integers { 6 } else { 1 };
        let written = match self.pick(ways) {
            0 => integer.to_string(),
            way if integer == 0 => ["-0", "0.0", "0e7", "-0.000E+2", "0e-5"][way - 1].to_owned(),
            1 => format!("{integer}.0"),
            2 => format!("{integer}00E-2"),
            3 => format!("{integer}.000e+0"),
            4 if integer % 10 == 0 => format!("{}e1", integer / 10),
            _ => format!("{integer}e0"),
        };
        out.push_str(&written);
    }

    fn text(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            let short = match character {
                '"' => Some("\\\""),
                '\\' => Some("\\\\"),
                '/' => Some("\\/"),
                '\u{8}' => Some("\\b"),
                '\u{c}' => Some("\\f"),
                '\n' => Some("\\n"),
                '\r' => Some("\\r"),
                '\t' => Some("\\t"),
                _ => None,
            };
            let must_escape = character < ' ' || matches!(character, '"' | '\\');
            match (self.pick(8), short) {
                (0, _) => self.units(character, out),
                (1..4, Some(short)) => out.push_str(short),
                (_, Some(short)) if must_escape => out.push_str(short),
                _ if must_escape => self.units(character, out),
                _ => out.push(character),
            }
        }
        out.push('"');
    }

    fn units(&mut self, character: char, out: &mut String) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let written = if self.pick(2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            out.push_str(&written);
        }
    }
}

pub fn pens() -> impl Strategy<Value = Pen> {
    prop::collection::vec(any::<u8>(), 1..64).prop_map(|choices| Pen {
        choices,
        next: 0,
        shuffles: false,
        respells_integers: false,
    })
}

pub fn texts() -> impl Strategy<Value = String> {
    let telling = prop::sample::select(vec![
        'a',
        'b',
        ' ',
        '"',
        '\\',
        '/',
        '\n',
        '\u{1f}',
        '\u{7f}',
        'é',
        '漢',
        '\u{1F600}',
    ]);
    let characters = prop_oneof![4 => telling, 1 => any::<char>()];
    let mixed = prop::collection::vec(characters, 0..20).prop_map(String::from_iter);
    let plain = (0..90_usize).prop_map(|length| "0123456789".repeat(9)[..length].to_owned());
    prop_oneof![mixed, plain]
}

/// Any value, a few levels deep.
pub fn values() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-1000..1000_i64).prop_map(Json::Integer),
        (-1_000_000_000_000..1_000_000_000_000_i64).prop_map(Json::Integer),
        (-1e6..1e6_f64).prop_filter("not whole", |number| number.fract() != 0.0).prop_map(Json::Fraction),
        texts().prop_map(Json::Text),
    ];
    let names = prop::sample::select(vec!["", "a", "b", "ab", "é", "\"", "content"]).prop_map(str::to_owned);
    leaf.prop_recursive(4, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((names.clone(), inner), 0..4).prop_map(Json::Object),
        ]
    })
}
