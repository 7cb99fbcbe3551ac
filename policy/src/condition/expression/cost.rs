//! What an evaluation can cost at most, added up when the expression is read.

use super::Flaw;

/// The most nodes of a tree.
const NODES: usize = 500;

/// The deepest a tree may be.
const DEPTH: usize = 48;

/// The most nodes that are evaluated, each as often as the macros around it repeat it.
const STEPS: usize = 4_000;

/// What has been added up.
#[derive(Debug)]
pub(super) struct Cost {
    nodes: usize,
    depth: usize,
    steps: usize,
    /// How often the node at hand is evaluated.
    times: usize,
}

// === impl Cost ===

impl Default for Cost {
    fn default() -> Self {
        Self {
            nodes: 0,
            depth: 0,
            steps: 0,
            times: 1,
        }
    }
}

impl Cost {
    /// Counts a node, within which others follow until it is left.
    pub(super) fn enter(&mut self) -> Result<(), Flaw> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > NODES || self.depth > DEPTH {
            return Err(Flaw {
                message: "the expression has too many parts".to_owned(),
                help: format!("at most {NODES}, nested {DEPTH} deep: write two rules"),
            });
        }
        self.steps = self.steps.saturating_add(self.times);
        if self.steps > STEPS {
            return Err(Flaw {
                message: "the expression can take too long".to_owned(),
                help: format!(
                    "at most {STEPS} steps, and each part of a macro is one for each item of its list"
                ),
            });
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// What follows is evaluated once for each of so many items; answers how often it was before.
    pub(super) fn repeat(&mut self, items: usize) -> usize {
        let before = self.times;
        self.times = before.saturating_mul(items);
        before
    }

    /// What follows is evaluated so often.
    pub(super) fn resume(&mut self, times: usize) {
        self.times = times;
    }
}
