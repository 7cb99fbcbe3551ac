//! `[groups.NAME]`: agents, tools or users under one name.

use std::collections::HashMap;

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

/// What became of a group while a list is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// It is being read, and must not lead back to itself.
    Inside,
    /// It was read; to read it again would add nothing.
    Done,
}

// === impl Groups ===

impl<'a> Groups<'a> {
    pub(super) fn new(root: &'a Table) -> Self {
        Self {
            root: root.table("groups"),
        }
    }

    /// The items of a list, each `@group` replaced by what it holds. Each group is read once, however many hold it,
    /// and without recursion: neither doubling groups nor a long row of them may cost more than they are long.
    pub(super) fn items(
        &self,
        kind: Kind,
        items: &'a [Value],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<&'a Value> {
        let mut all = Vec::new();
        let mut opened: HashMap<&str, Opened> = HashMap::new();
        let mut open: Vec<(Option<&str>, std::slice::Iter<'a, Value>)> = vec![(None, items.iter())];
        while let Some((own, rest)) = open.last_mut() {
            let Some(item) = rest.next() else {
                if let Some(own) = own {
                    opened.insert(own, Opened::Done);
                }
                open.pop();
                continue;
            };
            let Some(name) = item.text().and_then(|text| text.strip_prefix('@')) else {
                all.push(item);
                continue;
            };
            match self.members(kind, name, item, opened.get(name).copied()) {
                Ok(_) if opened.contains_key(name) => {}
                Ok(members) => {
                    opened.insert(name, Opened::Inside);
                    open.push((Some(name), members.iter()));
                }
                Err(mistake) => diagnostics.push(mistake),
            }
        }
        all
    }

    fn members(
        &self,
        kind: Kind,
        name: &str,
        at: &Value,
        opened: Option<Opened>,
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
        if opened == Some(Opened::Inside) {
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
