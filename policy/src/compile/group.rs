//! `[groups.NAME]`: agents, tools or users under one name.

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Table, Value};
use crate::shape;

/// The groups as they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups<'a> {
    root: Option<&'a Table>,
}

/// What a list names, and so which members of a group it takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Agents,
    Tools,
    Users,
}

/// The way into a group, which must not lead back.
type Way<'a> = Vec<&'a str>;

// === impl Groups ===

impl<'a> Groups<'a> {
    pub(super) fn new(root: &'a Table) -> Self {
        Self {
            root: root.table("groups"),
        }
    }

    /// The items of a list, each `@group` replaced by what it holds.
    pub(super) fn items(
        &self,
        kind: Kind,
        items: &'a [Value],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<&'a Value> {
        let mut all = Vec::new();
        self.add(kind, items, &mut Way::new(), &mut |found| match found {
            Ok(item) => all.push(item),
            Err(mistake) => diagnostics.push(mistake),
        });
        all
    }

    fn add(
        &self,
        kind: Kind,
        items: &'a [Value],
        way: &mut Way<'a>,
        found: &mut impl FnMut(Result<&'a Value, Diagnostic>),
    ) {
        for item in items {
            let Some(name) = item.text().and_then(|text| text.strip_prefix('@')) else {
                found(Ok(item));
                continue;
            };
            match self.members(kind, name, item, way) {
                Ok(members) => {
                    way.push(name);
                    self.add(kind, members, way, found);
                    way.pop();
                }
                Err(mistake) => found(Err(mistake)),
            }
        }
    }

    fn members(
        &self,
        kind: Kind,
        name: &str,
        at: &Value,
        way: &Way<'a>,
    ) -> Result<&'a [Value], Diagnostic> {
        let known = || self.root.into_iter().flat_map(Table::iter);
        let Some(group) = self.root.and_then(|root| root.table(name)) else {
            let message = format!("no group is named `{name}`");
            let one = Diagnostic::error(Code::UnknownName, at.span, message);
            return Err(match shape::nearest(name, known().map(|(name, _)| name)) {
                Some(near) => one.help(format!("did you mean `@{near}`?")),
                None => one.help(format!("add `[groups.{name}]`")),
            });
        };
        if way.contains(&name) {
            let message = format!("the group `{name}` leads back to itself");
            return Err(Diagnostic::error(Code::Conflict, at.span, message)
                .help("take it out of one of the groups"));
        }
        if group.get(kind.key()).is_none() {
            let message = format!("the group `{name}` holds no {}", kind.key());
            return Err(Diagnostic::error(Code::Conflict, at.span, message)
                .help(format!("give it `{} = [ … ]`, or name another", kind.key())));
        }
        Ok(group.items(kind.key()))
    }
}

// === impl Kind ===

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Tools => "tools",
            Self::Users => "users",
        }
    }
}
