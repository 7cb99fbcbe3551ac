//! Patterns by what they begin or end with, so that a name meets only those that may match it.

use crate::model::{Pattern, Target};

/// Patterns of one server, or of any.
#[derive(Debug, Clone, Default)]
pub(super) struct Trie {
    heads: Nodes,
    tails: Nodes,
}

/// One pattern, and the rule it stands in.
#[derive(Debug, Clone)]
struct Entry {
    pattern: Pattern,
    rule: usize,
}

/// The first is the root. A node's place says which bytes lead to it.
#[derive(Debug, Clone)]
struct Nodes(Vec<Node>);

#[derive(Debug, Clone, Default)]
struct Node {
    /// In order of byte.
    next: Vec<(u8, usize)>,
    entries: Vec<Entry>,
}

// === impl Trie ===

impl Trie {
    /// Puts a pattern where names that may match it pass by.
    pub(super) fn put(&mut self, pattern: &Pattern, rule: usize) {
        let entry = Entry {
            pattern: pattern.clone(),
            rule,
        };
        let (head, tail) = pattern.literals();
        // Where fewer are: of many like `get_*_user` the beginning tells nothing, of many like `user_*_get` the end.
        if self.heads.crowd(head.bytes()) <= self.tails.crowd(tail.bytes().rev()) {
            self.heads.put(head.bytes(), entry);
        } else {
            self.tails.put(tail.bytes().rev(), entry);
        }
    }

    /// Calls back with the rule of every pattern that matches.
    pub(super) fn matching(
        &self,
        server: &str,
        target: Target<'_>,
        name: &str,
        found: &mut impl FnMut(usize),
    ) {
        let mut meet = |entry: &Entry| {
            if entry.pattern.matches(server, target) {
                found(entry.rule);
            }
        };
        self.heads.along(name.bytes(), &mut meet);
        self.tails.along(name.bytes().rev(), &mut meet);
    }
}

// === impl Nodes ===

impl Default for Nodes {
    fn default() -> Self {
        Self(vec![Node::default()])
    }
}

impl Nodes {
    fn put(&mut self, path: impl Iterator<Item = u8>, entry: Entry) {
        let mut at = 0;
        for byte in path {
            at = self.step(at, byte);
        }
        if let Some(node) = self.0.get_mut(at) {
            node.entries.push(entry);
        }
    }

    /// How many entries the node at the end of a path has; many where there is no path, for everything passes there.
    fn crowd(&self, mut path: impl Iterator<Item = u8>) -> usize {
        let mut here = self.0.first();
        let Some(mut byte) = path.next() else {
            return usize::MAX;
        };
        while let Some(node) = here {
            here = self.next(node, byte);
            match path.next() {
                Some(next) => byte = next,
                None => break,
            }
        }
        here.map_or(0, |node| node.entries.len())
    }

    fn next(&self, node: &Node, byte: u8) -> Option<&Node> {
        let place = node.next.binary_search_by_key(&byte, |(byte, _)| *byte);
        let (_, next) = node.next.get(place.ok()?)?;
        self.0.get(*next)
    }

    /// The node behind this one by a byte; made where there is none.
    fn step(&mut self, at: usize, byte: u8) -> usize {
        let fresh = self.0.len();
        let Some(node) = self.0.get_mut(at) else {
            return at;
        };
        match node.next.binary_search_by_key(&byte, |(byte, _)| *byte) {
            Ok(place) => node.next.get(place).map_or(at, |(_, next)| *next),
            Err(place) => {
                node.next.insert(place, (byte, fresh));
                self.0.push(Node::default());
                fresh
            }
        }
    }

    fn along(&self, path: impl Iterator<Item = u8>, meet: &mut impl FnMut(&Entry)) {
        let mut here = self.0.first();
        let mut path = path;
        while let Some(node) = here {
            node.entries.iter().for_each(&mut *meet);
            here = path.next().and_then(|byte| self.next(node, byte));
        }
    }
}
