//! An expression is read and walked over once: what it may not say is refused with a mend, and what it names becomes a
//! numbered slot, so that an evaluation looks up no names and builds nothing that can be built here.

use super::Flaw;
use super::cost::Cost;
use super::functions::{self, FUNCTIONS_BUILT, Pattern};
use super::names::{self, Fact, Sort};
use super::syntax::{is_literal, kind, kinds, literal, parse, path};
use crate::json::Kind;
use cel::Value;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue,
    SelectExpr, operators,
};
use cel::common::value::Val;

/// An expression that has been checked.
#[derive(Debug)]
pub(super) struct Checked {
    /// What is evaluated.
    pub(super) tree: IdedExpr,
    /// What stands for `@0`, `@1`, … in it.
    pub(super) slots: Vec<Slot>,
}

/// What a name in the tree stands for.
#[derive(Debug)]
pub(super) enum Slot {
    /// What is known of a call without its arguments.
    Fact(Fact),
    /// An argument, and the kinds it is compared with; none: any.
    Argument(Vec<Step>, Vec<Kind>),
    /// Whether there is an argument.
    Has(Vec<Step>),
    /// What is the same for every call.
    Constant(Box<dyn Val>),
}

/// One step of a path into the arguments.
#[derive(Debug)]
pub(super) enum Step {
    /// Of an object.
    Member(String),
    /// Of a list.
    Item(usize),
}

/// The walk over a tree.
#[derive(Debug, Default)]
struct Walk {
    slots: Vec<Slot>,
    /// The variables of the macros around.
    bound: Vec<String>,
    cost: Cost,
}

// === impl Checked ===

impl Checked {
    pub(super) fn new(text: &str) -> Result<Self, Flaw> {
        let mut tree = parse(text)?;
        let mut walk = Walk::default();
        if walk.visit(&mut tree)? == Sort::Other {
            return Err(Flaw {
                message: "the expression is neither true nor false".to_owned(),
                help: "compare it with something, as in `call.args.amount < 100`".to_owned(),
            });
        }
        Ok(Self {
            tree,
            slots: walk.slots,
        })
    }

    pub(super) fn reads_task(&self) -> bool {
        let of_task =
            |slot: &Slot| matches!(slot, Slot::Fact(Fact::TaskLabel | Fact::TaskUntrusted));
        self.slots.iter().any(of_task)
    }

    pub(super) fn reads_arguments(&self) -> bool {
        self.slots.iter().any(|slot| match slot {
            Slot::Fact(fact) => *fact == Fact::Arguments,
            Slot::Argument(..) | Slot::Has(_) => true,
            Slot::Constant(_) => false,
        })
    }

    pub(super) fn is_momentary(&self) -> bool {
        self.slots.iter().any(|slot| match slot {
            Slot::Fact(fact) => fact.is_momentary(),
            Slot::Argument(..) | Slot::Has(_) => true,
            Slot::Constant(_) => false,
        })
    }
}

// === impl Slot ===

impl Slot {
    /// What no name can begin with that somebody writes.
    pub(super) const PREFIX: char = '@';
}

// === impl Walk ===

impl Walk {
    fn visit(&mut self, node: &mut IdedExpr) -> Result<Sort, Flaw> {
        self.cost.enter()?;
        let sort = match self.named(&node.expr)? {
            Some((slot, sort)) => {
                node.expr = self.fill(slot);
                sort
            }
            None => self.unnamed(node)?,
        };
        self.cost.leave();
        Ok(sort)
    }

    /// What a variable, a member of one or an argument stands for.
    fn named(&self, expr: &Expr) -> Result<Option<(Slot, Sort)>, Flaw> {
        let (within, asked) = match expr {
            Expr::Select(select) if select.test => (&select.operand.expr, Some(&select.field)),
            _ => (expr, None),
        };
        let Some((variable, mut path)) = path(within).filter(|(name, _)| names::is_variable(name))
        else {
            return asked.map_or(Ok(None), |_| Err(has_elsewhere()));
        };
        path.extend(asked.map(|member| Step::Member(member.clone())));
        let mut path = path.into_iter();
        let fact = match path.next() {
            None => names::resolve(variable, None)?,
            Some(Step::Member(member)) => names::resolve(variable, Some(&member))?,
            Some(Step::Item(_)) if variable == "chain" => return Ok(None),
            Some(Step::Item(_)) => return Err(no_list(variable)),
        };
        let path: Vec<_> = path.collect();
        Ok(Some(match (fact, asked) {
            (Fact::Arguments, None) => (Slot::Argument(path, Vec::new()), Sort::Unknown),
            (Fact::Arguments, Some(_)) if !path.is_empty() => (Slot::Has(path), Sort::Bool),
            (_, Some(_)) => return Err(has_elsewhere()),
            (_, None) if path.is_empty() => (Slot::Fact(fact), fact.sort()),
            _ => return Err(no_list(variable)),
        }))
    }

    fn unnamed(&mut self, node: &mut IdedExpr) -> Result<Sort, Flaw> {
        let is_constant = matches!(node.expr, Expr::List(_)) && is_literal(&node.expr);
        let sort = match &mut node.expr {
            Expr::Literal(written) => literal(written)?,
            Expr::Ident(name) if self.bound.contains(name) => Sort::Unknown,
            Expr::Ident(name) if names::is_type(name) => Sort::Other,
            Expr::Ident(name) => return Err(names::unknown(name)),
            Expr::Select(SelectExpr { operand, .. }) => {
                self.visit(operand)?;
                Sort::Unknown
            }
            Expr::List(list) => {
                self.visit_all(&mut list.elements)?;
                Sort::Other
            }
            Expr::Map(map) => {
                self.entries(&mut map.entries)?;
                Sort::Other
            }
            Expr::Call(call) => self.call(call)?,
            Expr::Comprehension(comprehension) => self.comprehension(comprehension)?,
            Expr::Struct(_) | Expr::Unspecified => {
                return Err(Flaw {
                    message: "there are no messages to build here".to_owned(),
                    help: "write a map, as in `{\"a\": 1}`".to_owned(),
                });
            }
        };
        if is_constant && let Ok(list) = Value::resolve_val(node, &FUNCTIONS_BUILT) {
            let slot = Slot::Constant(list.into_owned());
            node.expr = self.fill(slot);
        }
        Ok(sort)
    }

    fn visit_all(&mut self, nodes: &mut [IdedExpr]) -> Result<Vec<Sort>, Flaw> {
        nodes.iter_mut().map(|node| self.visit(node)).collect()
    }

    fn entries(&mut self, entries: &mut [IdedEntryExpr]) -> Result<(), Flaw> {
        for entry in entries {
            if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                self.visit(&mut entry.key)?;
                self.visit(&mut entry.value)?;
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &mut CallExpr) -> Result<Sort, Flaw> {
        match call.func_name.as_str() {
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE => {
                let sorts = self.visit_all(&mut call.args)?;
                bools(&sorts).map(|()| Sort::Bool)
            }
            operators::CONDITIONAL => match self.visit_all(&mut call.args)?.as_slice() {
                [condition, one, other] => {
                    bools(&[*condition])?;
                    Ok(if one == other { *one } else { Sort::Unknown })
                }
                _ => Ok(Sort::Unknown),
            },
            operators::EQUALS | operators::NOT_EQUALS | operators::IN => self.equals(call),
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS => self.orders(call),
            operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE => self.visit_all(&mut call.args).map(|_| Sort::Other),
            operators::INDEX => self.visit_all(&mut call.args).map(|_| Sort::Unknown),
            _ => self.function(call),
        }
    }

    /// An argument that is compared with what is written out must be of its kind: who writes `"5"` for `5` must not
    /// escape a deny by it.
    fn equals(&mut self, call: &mut CallExpr) -> Result<Sort, Flaw> {
        let wanted = match call.args.as_slice() {
            [_, list] if call.func_name == operators::IN => {
                vec![kinds(&list.expr), vec![Kind::List, Kind::Object]]
            }
            [one, other] => [other, one]
                .map(|node| kind(&node.expr).into_iter().collect())
                .to_vec(),
            _ => Vec::new(),
        };
        self.visit_all(&mut call.args)?;
        for (node, wanted) in call.args.iter().zip(wanted) {
            if let Some(Slot::Argument(_, kinds)) = self.slot(node) {
                *kinds = wanted;
            }
        }
        Ok(Sort::Bool)
    }

    /// Labels and effects are texts here, and their order is not that of texts.
    fn orders(&mut self, call: &mut CallExpr) -> Result<Sort, Flaw> {
        self.visit_all(&mut call.args)?;
        for node in &call.args {
            if let Some(Slot::Fact(Fact::TaskLabel | Fact::ToolLabel | Fact::ToolEffect)) =
                self.slot(node)
            {
                return Err(Flaw {
                    message: "labels and effects have no order here".to_owned(),
                    help: "name them, as in `task.label in [\"confidential\", \"restricted\"]`"
                        .to_owned(),
                });
            }
        }
        Ok(Sort::Bool)
    }

    /// What a node that has been visited stands for.
    fn slot(&mut self, node: &IdedExpr) -> Option<&mut Slot> {
        let Expr::Ident(name) = &node.expr else {
            return None;
        };
        let at: usize = name.strip_prefix(Slot::PREFIX)?.parse().ok()?;
        self.slots.get_mut(at)
    }

    fn function(&mut self, call: &mut CallExpr) -> Result<Sort, Flaw> {
        let sort = functions::answer(&call.func_name, call.target.is_some(), call.args.len())?;
        if let Some(target) = &mut call.target {
            self.visit(target)?;
        }
        if call.func_name == "matches" {
            if let Some(pattern) = call.args.pop() {
                let pattern = self.pattern(pattern)?;
                self.visit_all(&mut call.args)?;
                call.args.push(pattern);
            }
        } else {
            self.visit_all(&mut call.args)?;
        }
        Ok(sort)
    }

    fn pattern(&mut self, mut node: IdedExpr) -> Result<IdedExpr, Flaw> {
        let Expr::Literal(LiteralValue::String(text)) = &node.expr else {
            return Err(Flaw {
                message: "the pattern of `matches` is not written out".to_owned(),
                help: "write it as a text, as in `call.args.path.matches(\"^/tmp/\")`".to_owned(),
            });
        };
        let slot = Slot::Constant(Box::new(Pattern::new(text)?));
        node.expr = self.fill(slot);
        Ok(node)
    }

    fn comprehension(&mut self, node: &mut ComprehensionExpr) -> Result<Sort, Flaw> {
        let items = match &node.iter_range.expr {
            Expr::List(list) if is_literal(&node.iter_range.expr) => list.elements.len(),
            _ => return Err(not_written_out()),
        };
        let name = &node.iter_var;
        if names::is_variable(name) || names::is_type(name) {
            return Err(Flaw {
                message: format!("`{name}` is taken"),
                help: "give the variable of the macro another name, such as `x`".to_owned(),
            });
        }
        self.visit(&mut node.iter_range)?;
        let answers = self.visit(&mut node.accu_init)?;
        let is_counted = matches!(node.accu_init.expr, Expr::Literal(LiteralValue::Int(_)));
        self.bound
            .extend([node.iter_var.clone(), node.accu_var.clone()]);
        let times = self.cost.repeat(items);
        self.visit(&mut node.loop_cond)?;
        self.visit(&mut node.loop_step)?;
        self.cost.resume(times);
        self.visit(&mut node.result)?;
        self.bound.truncate(self.bound.len().saturating_sub(2));
        Ok(if is_counted { Sort::Bool } else { answers })
    }

    /// The expression that a slot is read by.
    fn fill(&mut self, slot: Slot) -> Expr {
        let is_now = matches!(slot, Slot::Fact(Fact::Now));
        let read = Expr::Ident(format!("{}{}", Slot::PREFIX, self.slots.len()));
        self.slots.push(slot);
        if !is_now {
            return read;
        }
        Expr::Call(CallExpr {
            func_name: "timestamp".to_owned(),
            target: None,
            args: vec![IdedExpr { id: 0, expr: read }],
        })
    }
}

/// Whether all of them can be true or false.
fn bools(sorts: &[Sort]) -> Result<(), Flaw> {
    if !sorts.contains(&Sort::Other) {
        return Ok(());
    }
    Err(Flaw {
        message:
            "`&&`, `||`, `!` and `?` ask what is true or false, and here stands something else"
                .to_owned(),
        help: "compare it with something, as in `call.args.amount < 100`".to_owned(),
    })
}

fn has_elsewhere() -> Flaw {
    Flaw {
        message: "`has` asks for arguments only".to_owned(),
        help: "write `has(call.args.name)`; what may be missing elsewhere is `null`".to_owned(),
    }
}

fn no_list(variable: &str) -> Flaw {
    Flaw {
        message: format!("there is nothing further inside of this part of `{variable}`"),
        help: "name a member, and compare it as a whole".to_owned(),
    }
}

fn not_written_out() -> Flaw {
    Flaw {
        message: "macros walk over lists that are written out, and over nothing else".to_owned(),
        help: "as in `[\"/tmp/\", \"/srv/\"].exists(x, call.args.path.startsWith(x))`; whether an argument lists \
               something is asked with `in`"
            .to_owned(),
    }
}
