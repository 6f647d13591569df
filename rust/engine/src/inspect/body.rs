//! An inspected request body: the bytes as they came, and what one pass over them found.

use std::{borrow::Cow, num::NonZero, sync::OnceLock};

use super::{
    canonical,
    edit::{Edited, Splice, quoted},
    request::{Cap, InspectError, Outline, StreamOptions, outline},
    text::{Text, decoded},
};

/// A chat request body that may be acted on. Immutable; `B` is whatever keeps the bytes.
#[derive(Debug)]
pub struct Body<B> {
    bytes: B,
    outline: Outline,
    digest: OnceLock<[u8; 32]>,
}

/// What is to be different in a body that is sent on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edits<'a> {
    /// The model's name; `None` keeps the caller's.
    pub model: Option<&'a str>,
    /// Ask for usage at the end of a stream; never un-asks.
    pub include_usage: bool,
    /// Output tokens each choice may have; `None` keeps the caller's bound, or its absence.
    pub output_cap: Option<NonZero<u64>>,
}

impl<B: AsRef<[u8]>> Body<B> {
    /// Read a body in one pass.
    pub fn read(bytes: B) -> Result<Self, InspectError> {
        let outline = outline(bytes.as_ref())?;
        Ok(Self { bytes, outline, digest: OnceLock::new() })
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Whatever keeps the bytes.
    pub fn storage(&self) -> &B {
        &self.bytes
    }

    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.outline.model.map(|literal| decoded(self.bytes(), literal))
    }

    pub fn stream(&self) -> bool {
        self.outline.stream
    }

    /// `stream_options.include_usage`.
    pub fn include_usage(&self) -> bool {
        matches!(self.outline.stream_options, StreamOptions::Object { include_usage: Some((true, _)), .. })
    }

    /// `max_completion_tokens`, else `max_tokens`.
    pub fn output_cap(&self) -> Option<u64> {
        let tokens = |cap: &Option<Cap>| cap.as_ref().and_then(|cap| cap.tokens);
        tokens(&self.outline.max_completion_tokens).or_else(|| tokens(&self.outline.max_tokens))
    }

    /// Choices asked for, 1 to 128.
    pub fn n(&self) -> u64 {
        self.outline.n
    }

    pub fn message_count(&self) -> usize {
        self.outline.messages
    }

    pub fn tool_count(&self) -> usize {
        self.outline.tools
    }

    /// Content parts that are images.
    pub fn image_count(&self) -> usize {
        self.outline.texts.images
    }

    /// Bytes of [`Body::texts`] in UTF-8.
    pub fn text_bytes(&self) -> u64 {
        self.outline.texts.bytes
    }

    /// Every text a model would read, in the order of the body.
    pub fn texts(&self) -> impl Iterator<Item = Text<'_>> {
        self.outline.texts.iter(self.bytes())
    }

    pub fn user(&self) -> Option<Cow<'_, str>> {
        self.outline.user.map(|literal| decoded(self.bytes(), literal))
    }

    /// Members of `metadata`, at most 16.
    pub fn metadata(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let decoded = |literal| decoded(self.bytes(), literal);
        self.outline.metadata.iter().map(move |(name, value)| (decoded(*name), decoded(*value)))
    }

    /// BLAKE3 of the body's canonical form, computed once: equal for bodies that differ only in white space, in the order
    /// of members of different names, in how strings are escaped, and in how an integer is spelled (`10`, `10.0`,
    /// `1e1`). Any other difference makes another hash; so does the order of two members of one name.
    pub fn canonical_hash(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| canonical::hash(self.bytes()))
    }

    /// The bytes with `edits` made where they change anything.
    pub fn edited(&self, edits: Edits<'_>) -> Edited<'_> {
        let mut splices = Vec::new();
        splices.extend(edits.model.and_then(|model| self.model_edit(model)));
        if edits.include_usage {
            splices.extend(self.usage_edit());
        }
        if let Some(cap) = edits.output_cap {
            self.cap_edits(cap.get(), &mut splices);
        }
        Edited::new(self.bytes(), splices)
    }

    fn model_edit(&self, model: &str) -> Option<Splice> {
        let Some(literal) = self.outline.model else {
            return Some(self.insertion("model", &quoted(model)));
        };
        let is_new = decoded(self.bytes(), literal) != model;
        is_new.then(|| Splice { at: literal.outer_range(), text: quoted(model) })
    }

    fn usage_edit(&self) -> Option<Splice> {
        let whole = r#"{"include_usage":true}"#;
        match &self.outline.stream_options {
            StreamOptions::Absent => Some(self.insertion("stream_options", whole)),
            StreamOptions::Null { value } => Some(Splice { at: value.clone(), text: whole.into() }),
            StreamOptions::Object { include_usage: Some((true, _)), .. } => None,
            StreamOptions::Object { include_usage: Some((false, value)), .. } => {
                Some(Splice { at: value.clone(), text: "true".into() })
            }
            StreamOptions::Object { include_usage: None, inside, is_empty } => {
                let comma = if *is_empty { "" } else { "," };
                Some(Splice { at: *inside..*inside, text: format!(r#""include_usage":true{comma}"#) })
            }
        }
    }

    /// Whichever name a provider obeys, it must read the new bound: so every cap that is there is replaced.
    fn cap_edits(&self, tokens: u64, splices: &mut Vec<Splice>) {
        let present = [&self.outline.max_completion_tokens, &self.outline.max_tokens];
        let present = present.into_iter().flatten();
        let before = splices.len();
        let caps = present.clone().filter(|cap| cap.tokens.is_some_and(|present| present != tokens));
        splices.extend(caps.map(|cap| Splice { at: cap.value.clone(), text: tokens.to_string() }));
        if splices.len() > before || self.output_cap() == Some(tokens) {
            return;
        }
        splices.push(match present.into_iter().next() {
            Some(null) => Splice { at: null.value.clone(), text: tokens.to_string() },
            None => self.insertion("max_completion_tokens", &tokens.to_string()),
        });
    }

    /// A new first member; there is always one it can be put before, as `messages` is required.
    fn insertion(&self, name: &str, value: &str) -> Splice {
        let inside = self.outline.inside;
        Splice { at: inside..inside, text: format!(r#""{name}":{value},"#) }
    }
}
