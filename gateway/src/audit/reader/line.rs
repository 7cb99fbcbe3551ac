//! One record, read where it stands.

use adapters::wire;
use adapters::wire::scan::Bounds;
use policy::Now;
use policy::cases::at;
use policy::json::Json;
use std::borrow::Cow;

/// What the gateway takes of its callers is bounded more narrowly, whatever the configuration was.
const BOUNDS: Bounds = Bounds {
    depth: 128,
    members: 1_000_000,
    number: 1_024,
};

/// One line that is a record: an object with an instant and a kind.
#[derive(Debug)]
pub(crate) struct Line {
    text: Vec<u8>,
    now: Now,
}

// === impl Line ===

impl Line {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Why it is no record.
    pub(super) fn read(text: Vec<u8>) -> Result<Self, String> {
        wire::sound(&text, &BOUNDS).map_err(|flaw| flaw.to_string())?;
        let line = Self { text, now: Now(0) };
        if line.text("kind").is_none() {
            return Err("it has no `kind`".to_owned());
        }
        let now = line.text("at").and_then(|text| at(&text));
        let now = now.ok_or("its `at` is no instant")?;
        Ok(Self { now, ..line })
    }

    /// When, as it is written.
    pub(crate) fn at(&self) -> Cow<'_, str> {
        self.text("at").unwrap_or_default()
    }

    /// When, in whole seconds.
    pub(crate) fn now(&self) -> Now {
        self.now
    }

    /// What it records.
    pub(crate) fn kind(&self) -> Cow<'_, str> {
        self.text("kind").unwrap_or_default()
    }

    /// A member that is text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.member(name)?.text()
    }

    /// A member that is `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.member(name).and_then(Json::bool) == Some(true)
    }

    /// A member that is a list of texts; an empty one where it is left out.
    pub(super) fn texts<T>(&self, name: &str) -> Vec<T>
    where
        T: for<'a> From<&'a str>,
    {
        let items = self.member(name).into_iter().flat_map(Json::items);
        items
            .filter_map(|item| item.text().map(|text| T::from(&*text)))
            .collect()
    }

    /// Any member.
    pub(super) fn member(&self, name: &str) -> Option<Json<'_>> {
        Json::new(&self.text).member(name)
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}
