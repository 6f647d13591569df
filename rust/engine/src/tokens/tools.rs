//! What the definition of a tool adds to a prompt.
//!
//! Owns the formula of the `OpenAI` cookbook ("How to count tokens with tiktoken", `num_tokens_for_tools`):
//!
//! - a function: `INIT`, and the tokens of `name:description`;
//! - its parameters, if there are any: `PROPERTIES`, and for each `PROPERTY` and the tokens of `name:type:description`;
//! - a parameter's choices: `ENUM`, and for each `CHOICE` and its tokens;
//! - once, after all functions: `END`;
//! - a full stop that ends a description is not counted.
//!
//! Invariant: all text of a definition is counted. The formula knows functions with flat parameters; a definition that
//! says anything else (nested schemas, defaults, patterns, a grammar) is counted by its JSON text, which is more than
//! what a provider makes of it.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::Encoding;

/// Tokens after the last definition.
pub(super) const END: usize = 12;
const PROPERTIES: usize = 3;
const PROPERTY: usize = 3;
const CHOICES: isize = -3;
const CHOICE: usize = 3;

/// What the formula knows of a function.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    parameters: Parameters<'a>,
    #[serde(default, rename = "strict")]
    _strict: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters<'a> {
    #[serde(default, rename = "type")]
    _type: Option<Object>,
    #[serde(borrow, default)]
    properties: Members<'a>,
    #[serde(borrow, default)]
    required: Vec<Text<'a>>,
    #[serde(default, rename = "additionalProperties")]
    _additional: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Object {
    Object,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Property<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default, rename = "enum")]
    choices: Vec<Text<'a>>,
}

/// A string, borrowed where it has no escapes.
#[derive(Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object in order, repeated ones too.
#[derive(Default)]
struct Members<'a>(Vec<(Text<'a>, Property<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of properties")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The tokens of one definition, given its JSON text. `init` are those it starts with.
pub(super) fn definition(encoding: &Encoding, init: usize, json: &str) -> usize {
    let known = serde_json::from_str::<Function<'_>>(json).ok().filter(Function::requires_only_its_own);
    init + known.map_or_else(|| encoding.count(json), |function| function.tokens(encoding))
}

impl Function<'_> {
    /// What is required adds nothing, so it must be counted elsewhere.
    fn requires_only_its_own(&self) -> bool {
        let properties = &self.parameters.properties.0;
        self.parameters.required.len() <= properties.len()
            && self.parameters.required.iter().all(|name| properties.iter().any(|(own, _)| own.0 == name.0))
    }

    fn tokens(&self, encoding: &Encoding) -> usize {
        let line = format!("{}:{}", self.name.0, self.description.without_stop());
        let properties = &self.parameters.properties.0;
        let each =
            |(name, property): &(Text<'_>, Property<'_>)| PROPERTY + property.tokens(encoding, &name.0);
        let start = if properties.is_empty() { 0 } else { PROPERTIES };
        encoding.count(&line) + start + properties.iter().map(each).sum::<usize>()
    }
}

impl Property<'_> {
    fn tokens(&self, encoding: &Encoding, name: &str) -> usize {
        let line = format!("{name}:{}:{}", self.kind.0, self.description.without_stop());
        let choices: usize = self.choices.iter().map(|choice| CHOICE + encoding.count(&choice.0)).sum();
        let start = if self.choices.is_empty() { 0 } else { CHOICES };
        (encoding.count(&line) + choices).saturating_add_signed(start)
    }
}

impl Text<'_> {
    fn without_stop(&self) -> &str {
        self.0.strip_suffix('.').unwrap_or(&self.0)
    }
}
