//! The text as a tree, and what parts of a tree look like.

use super::Flaw;
use super::check::Step;
use super::names::Sort;
use super::number::WHOLE;
use crate::json::Kind;
use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use cel::parser::PrattParser;

/// The most bytes of an expression.
const LONGEST: usize = 4 * 1024;

/// The text as a tree.
pub(super) fn parse(text: &str) -> Result<IdedExpr, Flaw> {
    if text.len() > LONGEST {
        return Err(Flaw {
            message: format!("the expression is longer than {LONGEST} bytes"),
            help: "write two rules, or keep lists of names in `args` conditions".to_owned(),
        });
    }
    PrattParser::default().parse(text).map_err(|errors| {
        let first = errors.errors.first();
        let (line, column) = first.map_or((0, 0), |error| error.pos);
        let place = match (line, text.contains('\n')) {
            (..=0, _) => String::new(),
            (_, false) => format!(" at column {column}"),
            (_, true) => format!(" at line {line}, column {column}"),
        };
        Flaw {
            message: format!("this is no expression{place}"),
            help: first.map_or_else(String::new, |error| shortened(&error.msg)),
        }
    })
}

/// What the parser says, without everything else that could have stood there.
fn shortened(error: &str) -> String {
    if error.contains("<EOF>") {
        return "it ends too early".to_owned();
    }
    let said = error.split(" expecting ").next().unwrap_or(error);
    said.trim_start_matches("Syntax error: ").to_owned()
}

/// A variable and the way from it, where an expression is nothing else.
pub(super) fn path(expr: &Expr) -> Option<(&str, Vec<Step>)> {
    let mut steps = Vec::new();
    let mut expr = expr;
    loop {
        match expr {
            Expr::Ident(name) => {
                steps.reverse();
                return Some((name, steps));
            }
            Expr::Select(select) if !select.test => {
                steps.push(Step::Member(select.field.clone()));
                expr = &select.operand.expr;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [within, at] = call.args.as_slice() else {
                    return None;
                };
                steps.push(match &at.expr {
                    Expr::Literal(LiteralValue::String(name)) => Step::Member(name.to_string()),
                    Expr::Literal(LiteralValue::Int(at)) => {
                        Step::Item(usize::try_from(*at.inner()).ok()?)
                    }
                    _ => return None,
                });
                expr = &within.expr;
            }
            _ => return None,
        }
    }
}

/// The kind of what is written out; `None` of what is not, and of `null`, which anything may be compared with.
pub(super) fn kind(expr: &Expr) -> Option<Kind> {
    Some(match expr {
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_)) => {
            Kind::Number
        }
        Expr::Literal(LiteralValue::String(_)) => Kind::Text,
        Expr::Literal(LiteralValue::Boolean(_)) => Kind::Bool,
        Expr::List(_) => Kind::List,
        Expr::Map(_) => Kind::Object,
        _ => return None,
    })
}

/// The kinds of the items of a list that is written out; none where one could be anything.
pub(super) fn kinds(expr: &Expr) -> Vec<Kind> {
    let Expr::List(list) = expr else {
        return Vec::new();
    };
    let kinds = list.elements.iter().map(|item| kind(&item.expr));
    kinds.collect::<Option<_>>().unwrap_or_default()
}

/// Whether it is a literal, or a list of literals.
pub(super) fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) => true,
        Expr::List(list) => list.elements.iter().all(|item| is_literal(&item.expr)),
        Expr::Call(call) if call.func_name == operators::NEGATE => {
            call.args.iter().all(|number| is_literal(&number.expr))
        }
        _ => false,
    }
}

/// What a literal is, if it says what it seems to say.
pub(super) fn literal(literal: &LiteralValue) -> Result<Sort, Flaw> {
    match literal {
        LiteralValue::Boolean(_) => Ok(Sort::Bool),
        LiteralValue::Double(double) if double.inner().abs() < WHOLE => Ok(Sort::Other),
        LiteralValue::Double(_) => Err(Flaw {
            message: "a number with a point or an exponent is not exact from 2^53 on".to_owned(),
            help: "write it as a whole number, without point and exponent".to_owned(),
        }),
        _ => Ok(Sort::Other),
    }
}
