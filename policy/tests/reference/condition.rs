//! Conditions of the hour, of arguments and of anything else, as the words say: a few of each kind, and the way the
//! three values go. What a single one means is tested beside its code.

use crate::dice::Dice;
use crate::glob::glob;
use crate::judge::{Judge, Known, yes};
use std::fmt::Write as _;

/// `during`, `args` and `when` of a rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    pub(crate) during: Option<Hours>,
    pub(crate) args: Vec<Argument>,
    pub(crate) when: Option<&'static When>,
}

/// In UTC.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    /// 0 is Monday.
    days: Vec<usize>,
    from: usize,
    to: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Argument {
    name: &'static str,
    /// `present`, `absent` or neither.
    said: &'static str,
    test: Option<Test>,
}

#[derive(Debug, Clone)]
enum Test {
    Is(i64),
    Between(i64, i64),
    Like(&'static str),
}

/// What a call brings.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    Number(i64),
    Text(&'static str),
    Null,
}

/// An expression and what it means.
#[derive(Debug)]
pub(crate) struct When {
    text: &'static str,
    /// Whether it asks of the call or the task.
    momentary: bool,
    means: fn(&Judge<'_>) -> Known,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NAMES: [&str; 2] = ["n", "t"];
const WHENS: [When; 6] = [
    When {
        text: "agent.name == \"ada\"",
        momentary: false,
        means: |judge| yes(judge.question.agent == "ada"),
    },
    When {
        text: "server.name != \"s\"",
        momentary: false,
        means: |judge| yes(judge.question.server != "s"),
    },
    When {
        text: "tool.effect in [\"read\", \"persist\"]",
        momentary: false,
        means: |judge| yes([0, 2].contains(&judge.class().effect)),
    },
    When {
        text: "task.untrusted",
        momentary: true,
        means: |judge| yes(judge.question.untrusted),
    },
    When {
        text: "call.args.n > 1",
        momentary: true,
        means: |judge| match judge.question.given("n") {
            Some(Given::Number(number)) => yes(*number > 1),
            _ => Known::Maybe,
        },
    },
    When {
        text: "!task.untrusted && call.args.t == \"ab\"",
        momentary: true,
        means: |judge| match judge.question.given("t") {
            _ if judge.question.untrusted => Known::No,
            Some(Given::Text(text)) => yes(*text == "ab"),
            // Of another type, or none at all.
            _ => Known::Maybe,
        },
    },
];

// === impl Conditions ===

impl Conditions {
    /// Mostly none.
    pub(crate) fn random(dice: &mut Dice) -> Self {
        Self {
            during: dice.once_in(10).then(|| Hours::random(dice)),
            args: match dice.once_in(6) {
                true => NAMES
                    .iter()
                    .filter_map(|name| Argument::random(dice, name))
                    .collect(),
                false => Vec::new(),
            },
            when: dice.once_in(8).then(|| dice.pick(&WHENS)),
        }
    }

    /// As written.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        if let Some(Hours { days, from, to }) = &self.during {
            let days: Vec<String> = days.iter().map(|day| format!("'{}'", DAYS[*day])).collect();
            let time = |minute: &usize| format!("{:02}:{:02}", minute / 60, minute % 60);
            let (days, from, to) = (days.join(", "), time(from), time(to));
            let _ = writeln!(
                out,
                "during = {{ days = [{days}], from = '{from}', to = '{to}' }}"
            );
        }
        for Argument { name, said, test } in &self.args {
            let said = (!said.is_empty()).then(|| format!("{said} = true"));
            let test = test.as_ref().map(|test| match test {
                Test::Is(number) => format!("is = {number}"),
                Test::Between(min, max) => format!("min = {min}, max = {max}"),
                Test::Like(pattern) => format!("like = '{pattern}'"),
            });
            let both: Vec<String> = said.into_iter().chain(test).collect();
            let _ = writeln!(out, "args.{name} = {{ {} }}", both.join(", "));
        }
        if let Some(when) = self.when {
            let _ = writeln!(out, "when = '{}'", when.text);
        }
        out
    }

    /// What is known of each when a call is there.
    pub(crate) fn call(&self, judge: &Judge<'_>) -> [Known; 3] {
        let during = self
            .during
            .as_ref()
            .map(|hours| yes(hours.hold(judge.question.now)));
        let args = self
            .args
            .iter()
            .map(|one| one.known(judge.question.given(one.name)));
        let when = self.when.map(|when| (when.means)(judge));
        [during, args.min(), when].map(|known| known.unwrap_or(Known::Yes))
    }

    /// What is known of each when a list is asked for.
    pub(crate) fn list(&self, judge: &Judge<'_>) -> [Known; 3] {
        let open = |there: bool| if there { Known::Maybe } else { Known::Yes };
        let when = self.when.map(|when| match when.momentary {
            true => Known::Maybe,
            false => (when.means)(judge),
        });
        [
            open(self.during.is_some()),
            open(!self.args.is_empty()),
            when.unwrap_or(Known::Yes),
        ]
    }
}

// === impl Hours ===

impl Hours {
    /// Now and then over midnight.
    fn random(dice: &mut Dice) -> Self {
        let mut days = dice.some(6, |dice| dice.roll(7));
        days.push(dice.roll(7));
        let (from, to) = (dice.roll(12) * 60, 720 + dice.roll(12) * 60);
        let (from, to) = if dice.once_in(2) {
            (to, from)
        } else {
            (from, to)
        };
        Self { days, from, to }
    }

    fn hold(&self, now: i64) -> bool {
        let minute = usize::try_from(now.rem_euclid(86_400) / 60).unwrap();
        // The first day of the epoch was a Thursday.
        let today = usize::try_from((now.div_euclid(86_400) + 3).rem_euclid(7)).unwrap();
        let yesterday = (today + 6) % 7;
        if self.from < self.to {
            return self.days.contains(&today) && (self.from..self.to).contains(&minute);
        }
        (self.days.contains(&today) && minute >= self.from)
            || (self.days.contains(&yesterday) && minute < self.to)
    }
}

// === impl Argument ===

impl Argument {
    fn random(dice: &mut Dice, name: &'static str) -> Option<Self> {
        let test = match dice.roll(4) {
            0 => Some(Test::Is(1 + i64::try_from(dice.roll(3)).unwrap())),
            1 => Some(Test::Between(1, 1 + i64::try_from(dice.roll(3)).unwrap())),
            2 => Some(Test::Like(dice.pick::<&str>(&["a*", "*b", "**", "x"]))),
            _ => None,
        };
        let said = match test {
            None => *dice.pick(&["present", "absent"]),
            Some(_) => *dice.pick(&["", "", "present"]),
        };
        (!dice.once_in(3)).then_some(Self { name, said, test })
    }

    /// What is missing or of another type cannot be told, unless the rule says what then.
    fn known(&self, given: Option<&Given>) -> Known {
        let Some(given) = given else {
            return match self.said {
                "present" => Known::No,
                "absent" => Known::Yes,
                _ => Known::Maybe,
            };
        };
        match (&self.test, given) {
            _ if self.said == "absent" => Known::No,
            (None, _) => Known::Yes,
            (Some(Test::Is(wanted)), Given::Number(number)) => yes(number == wanted),
            (Some(Test::Between(min, max)), Given::Number(number)) => {
                yes(min <= number && number <= max)
            }
            (Some(Test::Like(pattern)), Given::Text(text)) => yes(glob(pattern, text)),
            _ => Known::Maybe,
        }
    }
}

/// Arguments of a call, or none.
pub(crate) fn arguments(dice: &mut Dice) -> Option<Vec<(&'static str, Given)>> {
    let mut given = Vec::new();
    for name in NAMES {
        let value = match dice.roll(6) {
            0 => continue,
            1 => Given::Null,
            2 | 3 => Given::Text(dice.pick::<&str>(&["a", "ab", "b/b", "3", ""])),
            _ => Given::Number(i64::try_from(dice.roll(5)).unwrap()),
        };
        given.push((name, value));
    }
    (!dice.once_in(5)).then_some(given)
}

/// As JSON.
pub(crate) fn json(given: &[(&'static str, Given)]) -> String {
    let member = |(name, value): &(&str, Given)| match value {
        Given::Number(number) => format!("\"{name}\":{number}"),
        Given::Text(text) => format!("\"{name}\": \"{text}\""),
        Given::Null => format!("\"{name}\":null"),
    };
    let members: Vec<String> = given.iter().map(member).collect();
    format!("{{{}}}", members.join(","))
}
