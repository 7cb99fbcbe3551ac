//! Holds a tree against the table of keys and reports everything that does not fit.

use super::suggest::nearest;
use super::{Form, Key, Need, Shape};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::{Datum, Entry, Table, Value};
use crate::model::well_formed;

/// Parts of key names whose values are likely secrets and are not shown.
const SECRETIVE: [&str; 5] = ["secret", "password", "token", "key", "credential"];

/// Everything in the table that does not fit the keys; `owner` is the place to point at when a key is missing.
pub fn check(keys: &[Key], table: &Table, owner: Span) -> Vec<Diagnostic> {
    let mut walk = Walk { out: Vec::new() };
    walk.table(keys, table, owner);
    walk.out
}

/// Everything wrong with one entry of a table whose other entries belong to someone else.
pub fn check_entry(key: &Key, entry: &Entry) -> Vec<Diagnostic> {
    let mut walk = Walk { out: Vec::new() };
    walk.entry(key, entry);
    walk.out
}

struct Walk {
    out: Vec<Diagnostic>,
}

impl Walk {
    fn table(&mut self, keys: &[Key], table: &Table, owner: Span) {
        for (name, entry) in table.iter() {
            match keys.iter().find(|key| key.name == name) {
                Some(key) => self.entry(key, entry),
                None => self.unknown(name, entry, keys),
            }
        }
        for key in keys
            .iter()
            .filter(|key| key.need == Need::Required && table.get(key.name).is_none())
        {
            self.out.push(
                Diagnostic::error(
                    Code::MissingKey,
                    owner,
                    format!("`{}` is missing", key.name),
                )
                .help(key.doc),
            );
        }
    }

    fn entry(&mut self, key: &Key, entry: &Entry) {
        if key.need == Need::NotInThisVersion {
            let message = format!("`{}` is not in this version", key.name);
            self.out.push(
                Diagnostic::error(Code::NotInThisVersion, entry.key, message).help("remove it"),
            );
            return;
        }
        self.value(&key.shape, &entry.value);
    }

    fn unknown(&mut self, name: &str, entry: &Entry, keys: &[Key]) {
        let one = Diagnostic::error(Code::UnknownKey, entry.key, format!("unknown key `{name}`"));
        let known = || keys.iter().filter(|key| key.built()).map(|key| key.name);
        let help = match nearest(name, keys.iter().map(|key| key.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", list(known())),
        };
        self.out.push(one.help(help));
        let lower = name.to_ascii_lowercase();
        if entry.value.text().is_some() && SECRETIVE.iter().any(|part| lower.contains(part)) {
            self.literal_secret(&entry.value);
        }
    }

    fn value(&mut self, shape: &Shape, value: &Value) {
        match (shape, &value.datum) {
            (Shape::Bool, Datum::Bool(_)) | (Shape::True, Datum::Bool(true)) => {}
            (Shape::Unbuilt, _) | (Shape::Free, Datum::Table(_)) => {}
            (Shape::True, Datum::Bool(false)) => self.out.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    value.span,
                    "only `true` can be written here",
                )
                .help("leave the key out"),
            ),
            (Shape::Integer(low, high), Datum::Integer(number)) => {
                if !(low..=high).contains(&number) {
                    let message = format!("`{number}` is not between {low} and {high}");
                    self.out
                        .push(Diagnostic::error(Code::InvalidValue, value.span, message));
                }
            }
            (Shape::Number | Shape::Scalar, Datum::Float(number)) => self.finite(number, value),
            (Shape::Number, Datum::Integer(_)) => {}
            (Shape::Scalar, Datum::Integer(_) | Datum::Bool(_) | Datum::Text(_)) => {}
            (Shape::Date, Datum::Date(_)) => {}
            (Shape::Text(_) | Shape::Choice(_), Datum::Text(text)) => {
                self.text(shape, text, value.span)
            }
            (Shape::SecretFile | Shape::Secret, Datum::Text(_)) => self.literal_secret(value),
            (Shape::SecretFile, Datum::Table(table)) => self.secret_file(table, value.span),
            (Shape::Secret, Datum::Table(table)) => self.secret(table, value.span),
            (Shape::Secrets(form), Datum::Table(table)) => self.secrets(form, table),
            (Shape::OrTable(_, keys), Datum::Table(table)) => self.table(keys, table, value.span),
            (Shape::OrTable(inner, _), _) => self.value(inner, value),
            (Shape::List(item), Datum::List(items)) => {
                items.iter().for_each(|one| self.value(item, one))
            }
            (Shape::OneOrMany(_), Datum::List(items)) if items.is_empty() => {
                self.out.push(
                    Diagnostic::error(Code::InvalidValue, value.span, "an empty list")
                        .help("name at least one"),
                );
            }
            (Shape::OneOrMany(item), _) => {
                value.items().iter().for_each(|one| self.value(item, one))
            }
            (Shape::Table(keys), Datum::Table(table)) => self.table(keys, table, value.span),
            (Shape::Names(keys), Datum::Table(table)) => self.names(keys, table),
            (Shape::Texts(form), Datum::Table(table)) => {
                let shape = Shape::Text(*form);
                for (_, entry) in table.iter() {
                    self.value(&shape, &entry.value);
                }
            }
            (Shape::Map(form, keys), Datum::Table(table)) => self.map(form, keys, table),
            (Shape::Rows(keys), Datum::List(rows)) => {
                for row in rows {
                    match &row.datum {
                        Datum::Table(table) => self.table(keys, table, row.span),
                        _ => self.wrong("a table", row),
                    }
                }
            }
            _ => self.wrong(words(shape), value),
        }
    }

    fn map(&mut self, form: &Form, keys: &[Key], table: &Table) {
        for (name, entry) in table.iter() {
            if let Err(fault) = (form.check)(name) {
                let one = Diagnostic::error(fault.code, entry.key, fault.message);
                self.out.push(one.help(fault.help));
            }
            match &entry.value.datum {
                Datum::Table(inner) => self.table(keys, inner, entry.key),
                _ => self.wrong("a table", &entry.value),
            }
        }
    }

    fn names(&mut self, keys: &[Key], table: &Table) {
        for (name, entry) in table.iter() {
            if !well_formed(name) {
                let message = format!("`{name}` cannot be a name");
                let help =
                    "names are up to 64 letters, digits, `-` and `_`, a letter or digit first";
                self.out
                    .push(Diagnostic::error(Code::InvalidValue, entry.key, message).help(help));
            }
            match &entry.value.datum {
                Datum::Table(inner) => self.table(keys, inner, entry.key),
                _ => self.wrong("a table", &entry.value),
            }
        }
    }

    fn finite(&mut self, number: &str, value: &Value) {
        if number.contains(['i', 'n']) {
            let message = format!("`{number}` is no number to compare with");
            self.out.push(
                Diagnostic::error(Code::InvalidValue, value.span, message)
                    .help("write a number, or leave the key out for no bound"),
            );
        }
    }

    fn text(&mut self, shape: &Shape, text: &str, span: Span) {
        if placeholder(text) {
            let message = format!("`{text}` is a placeholder");
            self.out.push(
                Diagnostic::error(Code::Placeholder, span, message).help("put the real value in"),
            );
            return;
        }
        match shape {
            Shape::Choice(choices) => match choices.iter().find(|choice| choice.name == text) {
                Some(choice) if choice.built => {}
                Some(_) => {
                    let message = format!("`{text}` is not in this version");
                    let help = format!("write {}", built(choices));
                    self.out
                        .push(Diagnostic::error(Code::NotInThisVersion, span, message).help(help));
                }
                None => {
                    let message = format!("`{text}` is not one of {}", built(choices));
                    let near = nearest(
                        text,
                        choices
                            .iter()
                            .filter(|choice| choice.built)
                            .map(|choice| choice.name),
                    );
                    let help = near.map_or_else(
                        || format!("write {}", built(choices)),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.out
                        .push(Diagnostic::error(Code::InvalidValue, span, message).help(help));
                }
            },
            Shape::Text(form) => {
                if let Err(fault) = (form.check)(text) {
                    self.out
                        .push(Diagnostic::error(fault.code, span, fault.message).help(fault.help));
                }
            }
            _ => {}
        }
    }

    fn secret_file(&mut self, table: &Table, span: Span) {
        if let Some(env) = table.get("env") {
            let one = Diagnostic::error(
                Code::InvalidValue,
                env.key,
                "this secret is read from a file",
            );
            self.out.push(one.help("write `{ file = \"path\" }`"));
            return;
        }
        const FILE: [Key; 1] = [Key::new(
            "file",
            Shape::Text(super::ANY),
            "The file that holds the secret.",
        )
        .required()];
        self.table(&FILE, table, span);
    }

    fn secrets(&mut self, form: &Form, table: &Table) {
        for (name, entry) in table.iter() {
            if let Err(fault) = (form.check)(name) {
                let one = Diagnostic::error(fault.code, entry.key, fault.message);
                self.out.push(one.help(fault.help));
            }
            match &entry.value.datum {
                Datum::Table(inner) => self.secret(inner, entry.key),
                Datum::Text(_) => self.literal_secret(&entry.value),
                _ => self.wrong("a reference to a secret", &entry.value),
            }
        }
    }

    fn secret(&mut self, table: &Table, owner: Span) {
        self.table(super::SECRET, table, owner);
        if table.get("file").is_some() == table.get("env").is_some() {
            let message = "a secret needs either `file` or `env`";
            self.out
                .push(Diagnostic::error(Code::Conflict, owner, message));
        }
    }

    fn literal_secret(&mut self, value: &Value) {
        self.out.push(
            Diagnostic::error(
                Code::LiteralSecret,
                value.span,
                "a secret is written into the file",
            )
            .help("put it into a file of its own and write `{ file = \"path\" }`"),
        );
    }

    fn wrong(&mut self, wanted: &str, value: &Value) {
        let message = format!("expected {wanted}, found {}", value.kind());
        self.out
            .push(Diagnostic::error(Code::WrongType, value.span, message));
    }
}

/// Values that templates leave behind.
pub(crate) fn placeholder(text: &str) -> bool {
    let bare = text.trim();
    let angled = bare.starts_with('<') && bare.ends_with('>');
    let word = [
        "todo",
        "fixme",
        "tbd",
        "changeme",
        "change-me",
        "change_me",
        "replaceme",
        "xxx",
    ];
    angled || word.contains(&bare.to_ascii_lowercase().as_str())
}

fn words(shape: &Shape) -> &'static str {
    match shape {
        Shape::Bool => "a boolean",
        Shape::True => "`true`",
        Shape::Integer(..) => "an integer",
        Shape::Number => "a number",
        Shape::Scalar => "a string, a number or a boolean",
        Shape::Date => "a date such as `2027-06-30`",
        Shape::Text(form) => form.name,
        Shape::Choice(_) => "a string",
        Shape::SecretFile => "`{ file = \"path\" }`",
        Shape::Secret => "`{ file = \"path\" }` or `{ env = \"NAME\" }`",
        Shape::List(_) => "a list",
        Shape::OneOrMany(inner) | Shape::OrTable(inner, _) => words(inner),
        Shape::Table(_)
        | Shape::Secrets(_)
        | Shape::Names(_)
        | Shape::Texts(_)
        | Shape::Map(..)
        | Shape::Free => "a table",
        Shape::Rows(_) => "a list of tables",
        Shape::Unbuilt => "nothing",
    }
}

fn built(choices: &[super::Choice]) -> String {
    list(
        choices
            .iter()
            .filter(|choice| choice.built)
            .map(|choice| choice.name),
    )
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
