//! Where in the arguments a condition looks.

use crate::json::Json;
use crate::shape::Fault;

/// The most bytes a path may have.
const LONGEST: usize = 255;

/// The most segments a path may have.
const DEEPEST: usize = 16;

/// A path: `filter.repo` is the member `repo` of the member `filter` of the arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    text: Box<str>,
    segments: Box<[Segment]>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Segment {
    /// The member of this name.
    Member(Box<str>),
    /// Every item of a list, or every member of an object.
    Each,
}

// === impl Path ===

impl Path {
    /// Reads a path.
    pub(crate) fn new(text: &str) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::new(
                format!("the path has more than {LONGEST} bytes"),
                "condition something nearer to the root",
            ));
        }
        let segments: Box<[Segment]> = text.split('.').map(Segment::new).collect();
        if segments.len() > DEEPEST {
            return Err(Fault::new(
                format!("the path has more than {DEEPEST} segments"),
                "condition something nearer to the root",
            ));
        }
        if text.split('.').any(str::is_empty) {
            return Err(Fault::new(
                format!("`{}` has an empty segment", text.escape_debug()),
                "write the names of members with one dot between them, such as `filter.repo`",
            ));
        }
        let text = text.into();
        Ok(Self { text, segments })
    }

    /// As written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The one value that is there. None where there is none, where the path may mean several, or where servers differ in
    /// which member they read.
    pub(crate) fn sole<'a>(&self, arguments: Json<'a>) -> Option<Json<'a>> {
        self.segments.iter().try_fold(arguments, |json, segment| {
            let Segment::Member(name) = segment else {
                return None;
            };
            json.sole_member(name).ok().flatten()
        })
    }

    /// Its steps, from the root.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

// === impl Segment ===

impl Segment {
    fn new(text: &str) -> Self {
        match text {
            "*" => Self::Each,
            name => Self::Member(name.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_has_names_between_dots() {
        let long = ["a".repeat(255), ["a"; 16].join(".")];
        for good in ["a", "filter.repo", "*", "a.*.b", "a b", "été"] {
            assert_eq!(Path::new(good).unwrap().as_str(), good);
        }
        assert!(long.iter().all(|path| Path::new(path).is_ok()));
        let too_long = ["a".repeat(256), ["a"; 17].join(".")];
        for bad in ["", ".", "a.", ".a", "a..b"]
            .into_iter()
            .chain(too_long.iter().map(String::as_str))
        {
            assert!(Path::new(bad).is_err(), "{bad}");
        }
    }
}
