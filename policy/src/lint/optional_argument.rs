//! A rule that narrows by an argument which a call may leave out.

use super::View;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Table;

pub(super) const DOCS: &str = "A deny or an ask with a condition on an argument, without `present` or `absent` beside \
    it: what is missing or of another type is never spared, so a call without the argument is refused too.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for (rule, table) in view.rules().filter(|(rule, _)| !rule.allows()) {
        let args = table.table("args").into_iter().flat_map(Table::iter);
        let open = args.filter(|(_, entry)| {
            let condition = entry.value.table();
            condition.is_some_and(|one| one.get("present").is_none() && one.get("absent").is_none())
        });
        for (path, entry) in open {
            let (name, says) = (&rule.name, rule.verdict.name());
            let message = format!("rule `{name}` also speaks ({says}) of calls without `{path}`");
            warnings.push(
                Diagnostic::warning(Code::OptionalArgument, entry.key, message)
                    .help("add `present = true` to spare calls without the argument, where it is optional"),
            );
        }
    }
    warnings
}
