//! `inject`: where a credential goes.

use super::super::Resolver;
use crate::config::{Inject, Kind, Template, Where};
use http::HeaderName;
use http::header::AUTHORIZATION;
use policy::document::Table;
use policy::{Code, Diagnostic};

const PLACES: [&str; 5] = ["header", "query", "cookie", "basic", "body"];

impl Resolver<'_> {
    pub(super) fn inject(&mut self, table: Option<&Table>, kind: &Kind) -> Option<Inject> {
        let empty = Table::default();
        let table = table.unwrap_or(&empty);
        let mut places = PLACES.iter().filter_map(|key| table.get(key));
        if let (Some(first), Some(second)) = (places.next(), places.next()) {
            let message = "a credential goes in one place";
            let one = Diagnostic::error(Code::Conflict, second.key, message);
            self.diagnostics
                .push(one.also(first.key, "the other").help("remove one of them"));
            return None;
        }
        let basic = table.text("basic");
        if let (Some(_), Some(value)) = (basic, table.get("value")) {
            let message = "`basic` is a value itself";
            let one = Diagnostic::error(Code::Conflict, value.key, message);
            self.diagnostics.push(one.help("remove `value`"));
            return None;
        }
        let name = |key: &str| table.text(key).map(Box::<str>::from);
        let (place, otherwise) = match (basic, name("query"), name("cookie"), name("body")) {
            (Some(basic), ..) => (Where::Basic, basic),
            (_, Some(query), ..) => (Where::Query(query), "{token}"),
            (_, _, Some(cookie), _) => (Where::Cookie(cookie), "{token}"),
            (.., Some(body)) => (Where::Body(body), "{token}"),
            _ => {
                let header = table.text("header").map(str::as_bytes);
                let header = header
                    .map_or(Ok(AUTHORIZATION), HeaderName::from_bytes)
                    .ok()?;
                (Where::Header(header), "Bearer {token}")
            }
        };
        let value = Template::parse(table.text("value").unwrap_or(otherwise)).ok()?;
        if let Some(fields) = kind.fields()
            && let Some(missing) = value.fields().find(|name| !fields.contains(name))
        {
            let message = format!("this credential has no `{{{missing}}}`");
            let span = PLACES
                .iter()
                .chain(&["value"])
                .find_map(|key| table.value(key));
            let names: Vec<String> = fields.iter().map(|name| format!("`{{{name}}}`")).collect();
            let help = format!("it has {}", names.join(", "));
            self.diagnostics.push(match span {
                Some(value) => Diagnostic::error(Code::UnknownName, value.span, message).help(help),
                None => Diagnostic::placeless(Code::UnknownName, message).help(help),
            });
            return None;
        }
        Some(Inject { place, value })
    }
}
