//! What holds of any condition and any arguments.

use super::super::Truth::{No, Yes};
use super::{argument, truth};
use crate::json::Json;

/// A dice of our own, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn json(&mut self, depth: usize) -> String {
        let scalars = [
            "null",
            "true",
            "1",
            "-0",
            "2.50",
            "1e3",
            "\"a\"",
            "\"ab/c\"",
            "\"/srv/x\"",
            "\"https://h/v1/x\"",
            "\"\"",
        ];
        let count = self.below(4);
        match self.below(if depth == 0 { 1 } else { 3 }) {
            0 => self.pick(&scalars).to_owned(),
            1 => {
                let items: Vec<_> = (0..count).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => self.object(depth),
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let names = ["a", "b", "c"];
        let names: Vec<_> = names.into_iter().filter(|_| self.below(3) > 0).collect();
        let members: Vec<_> = names
            .into_iter()
            .map(|name| format!("\"{name}\":{}", self.json(depth - 1)))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// More conditions never make more true, whatever the arguments; and a harmless item takes nothing back from a deny.
#[test]
fn more_asked_is_never_more_true() {
    let groups = [
        &[
            "is = \"a\"",
            "is = 1",
            "in = [true, 2.5]",
            "in = [\"ab/c\", 1000]",
        ][..],
        &["min = 1", "max = 2.5"],
        &[
            "like = \"a*\"",
            "length = 1",
            "length = { min = 1 }",
            "within = \"/srv\"",
            "within = \"https://h/v1\"",
        ],
    ];
    let mut dice = Dice(5);
    let mut seen = [0; 3];
    for _ in 0..4_000 {
        let path = dice.pick(&["a", "a.b", "*", "a.*", "*.b", "*.*.c"]);
        let group = groups[dice.below(groups.len())];
        let one = dice.pick(group);
        let mut two = dice.pick(group);
        let same = |key: &str| one.split(' ').next() == key.split(' ').next();
        if group.len() == 4 || same(two) {
            two = "present = true";
        }
        let less = argument(path, &format!("{{ {one} }}"));
        let more = argument(path, &format!("{{ {one}, {two} }}"));
        for _ in 0..8 {
            let json = dice.object(3);
            let (wide, narrow) = (truth(&less, &json), truth(&more, &json));
            assert!(narrow <= wide, "{path} {one} {two} {json}");
            seen[wide as usize] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn a_harmless_item_spares_nobody() {
    let mut dice = Dice(9);
    for condition in [
        "{ is = 1 }",
        "{ max = 2 }",
        "{ like = \"a*\" }",
        "{ present = true }",
        "{ absent = true }",
    ] {
        let (all, one) = (argument("a.*.b", condition), argument("b", condition));
        for _ in 0..2_000 {
            let items: Vec<_> = (0..=dice.below(3)).map(|_| dice.object(2)).collect();
            let truths: Vec<_> = items.iter().map(|item| truth(&one, item)).collect();
            let whole = truth(&all, &format!("{{\"a\":[{}]}}", items.join(",")));
            let (every, none) = (
                truths.iter().all(|one| *one == Yes),
                truths.iter().all(|one| *one == No),
            );
            assert_eq!(whole == Yes, every, "{condition} {items:?}");
            assert_eq!(whole == No, none, "{condition} {items:?}");
        }
    }
}

/// Whatever is handed over, whole or torn, something is said.
#[test]
fn torn_arguments_are_no_trouble() {
    let conditions = [
        "{ is = 1 }",
        "{ within = [\"/a\", \"https://h/a\"] }",
        "{ length = 1 }",
        "{ absent = true }",
    ];
    let conditions =
        conditions.map(|condition| [argument("a.*.b", condition), argument("*", condition)]);
    let mut dice = Dice(3);
    for _ in 0..300 {
        let json = dice.object(4);
        for end in 0..json.len() {
            for one in conditions.as_flattened() {
                one.truth(Some(Json::new(&json.as_bytes()[..end])));
                one.truth(Some(Json::new(&json.as_bytes()[end..])));
            }
        }
    }
}
