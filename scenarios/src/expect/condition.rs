//! Conditions in CEL (<https://cel.dev>): reading one, what it looks at, asking it.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use cel::{Context, ExecutionError, Program, Value};
use engine::nearest;

/// What a condition may look at beside the entry of its topic.
pub(crate) const STATE: [&str; 10] = [
    "account",
    "figures",
    "held",
    "keys",
    "orders",
    "positions",
    "services",
    "streams",
    "time",
    "ttl",
];
/// What of it is asked for by its name only.
const NAMED: [&str; 5] = ["figures", "keys", "services", "streams", "ttl"];
/// What exists only while entries are looked at.
pub(crate) const OF_ENTRIES: [&str; 2] = ["entry", "trigger"];

/// The state that a condition looks at, so that no more of it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The names of [`STATE`] that it uses.
    pub(crate) names: BTreeSet<String>,
    /// `keys["…"]`.
    pub(crate) keys: BTreeSet<String>,
    /// `ttl["…"]`.
    pub(crate) ttl: BTreeSet<String>,
    /// `streams["…"]`.
    pub(crate) streams: BTreeSet<String>,
    /// `services["…"]`.
    pub(crate) services: BTreeSet<String>,
    /// `figures["…"]`.
    pub(crate) figures: BTreeSet<String>,
    /// Fields of `entry` and of `trigger`.
    pub(crate) entry: BTreeSet<String>,
    pub(crate) trigger: BTreeSet<String>,
    /// It asks for `services["…"].state`.
    pub(crate) service_state: bool,
}

impl Needs {
    /// Whether it can be judged from the entry alone.
    pub(crate) fn no_state(&self) -> bool {
        self.names.iter().all(|name| name == "time")
    }

    pub(crate) fn add(&mut self, other: &Needs) {
        self.names.extend(other.names.iter().cloned());
        self.keys.extend(other.keys.iter().cloned());
        self.ttl.extend(other.ttl.iter().cloned());
        self.streams.extend(other.streams.iter().cloned());
        self.services.extend(other.services.iter().cloned());
        self.figures.extend(other.figures.iter().cloned());
        self.service_state |= other.service_state;
    }
}

/// A condition that has been read.
#[derive(Clone)]
pub(crate) struct Condition {
    pub(crate) source: String,
    program: Arc<Program>,
    pub(crate) needs: Needs,
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Condition({:?})", self.source)
    }
}

impl Condition {
    /// Reads a condition; or says what is wrong with it and where.
    pub(crate) fn read(source: &str) -> Result<Condition, String> {
        let program = Program::compile(source).map_err(|errors| {
            let one = |error: &cel::ParseError| {
                let (line, column) = error.pos;
                format!(
                    "line {line}, column {column}: {}",
                    error.msg.lines().next().unwrap_or("").trim()
                )
            };
            let all: Vec<String> = errors.errors.iter().map(one).collect();
            format!("{source:?} is no CEL: {}", all.join("; "))
        })?;
        let mut walk = Walk::default();
        walk.expr(program.expression(), &mut Vec::new())
            .map_err(|problem| format!("{source:?}: {problem}"))?;
        Ok(Condition { source: source.to_owned(), program: Arc::new(program), needs: walk.needs })
    }

    /// Whether it holds; an answer that is neither yes nor no is an error.
    pub(crate) fn holds(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        match self.program.execute(context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("{:?} gives {other:?} and not true or false", self.source)),
            Err(error) => Err(format!("{:?} cannot be judged: {}", self.source, remedy(&error))),
        }
    }
}

fn remedy(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => {
            format!("there is no {key} here; ask has(x.{key}) first")
        }
        ExecutionError::NoSuchOverload(_) => {
            format!(
                "{error}; all numbers of a run are doubles: write 2.0 and not 2 in sums and products, and compare what may be null with null first"
            )
        }
        error => error.to_string(),
    }
}

#[derive(Default)]
struct Walk {
    needs: Needs,
}

impl Walk {
    fn expr(&mut self, at: &IdedExpr, bound: &mut Vec<String>) -> Result<(), String> {
        match &at.expr {
            Expr::Ident(name) => self.ident(name, bound),
            Expr::Select(select) => {
                if let Expr::Ident(name) = &select.operand.expr
                    && !bound.contains(name)
                {
                    match name.as_str() {
                        "entry" => drop(self.needs.entry.insert(select.field.clone())),
                        "trigger" => drop(self.needs.trigger.insert(select.field.clone())),
                        _ => {}
                    }
                }
                self.needs.service_state |= select.field == "state";
                self.expr(&select.operand, bound)
            }
            Expr::Call(call) => {
                if call.func_name == operators::INDEX
                    && let [of, index] = &call.args[..]
                    && let Expr::Ident(name) = &of.expr
                    && !bound.contains(name)
                    && NAMED.contains(&name.as_str())
                {
                    self.needs.names.insert(name.clone());
                    return self.indexed(name, index);
                }
                let target = call.target.iter().map(|target| &**target);
                target.chain(&call.args).try_for_each(|part| self.expr(part, bound))
            }
            Expr::Comprehension(all) => {
                self.expr(&all.iter_range, bound)?;
                let before = bound.len();
                bound.extend([all.iter_var.clone(), all.accu_var.clone()]);
                bound.extend(all.iter_var2.clone());
                for part in [&all.accu_init, &all.loop_cond, &all.loop_step, &all.result] {
                    self.expr(part, bound)?;
                }
                bound.truncate(before);
                Ok(())
            }
            Expr::List(list) => list.elements.iter().try_for_each(|one| self.expr(one, bound)),
            Expr::Literal(_) | Expr::Unspecified => Ok(()),
            Expr::Map(_) | Expr::Struct(_) => Err("maps are not made here: compare fields".into()),
        }
    }

    fn ident(&mut self, name: &str, bound: &[String]) -> Result<(), String> {
        if bound.iter().any(|one| one == name) || OF_ENTRIES.contains(&name) {
            return Ok(());
        }
        if NAMED.contains(&name) {
            // Only what is asked for by its name is made: a question about all of them would be about none.
            return Err(format!("{name} is asked by name: write {name}['...']"));
        }
        if STATE.contains(&name) {
            self.needs.names.insert(name.to_owned());
            return Ok(());
        }
        let known: Vec<&str> = STATE.iter().chain(&OF_ENTRIES).copied().collect();
        Err(match nearest(name, &known) {
            Some(near) => format!("there is no {name:?}; did you mean {near:?}?"),
            None => format!("there is no {name:?}; there are {}", known.join(", ")),
        })
    }

    /// `keys["…"]` and its like: only what stands there in quotes is made for the condition.
    fn indexed(&mut self, name: &str, index: &IdedExpr) -> Result<(), String> {
        let set = match name {
            "keys" => &mut self.needs.keys,
            "ttl" => &mut self.needs.ttl,
            "streams" => &mut self.needs.streams,
            "services" => &mut self.needs.services,
            "figures" => &mut self.needs.figures,
            _ => return Ok(()),
        };
        let Expr::Literal(LiteralValue::String(text)) = &index.expr else {
            return Err(format!("{name}[...] takes a name in quotes"));
        };
        set.insert(text.inner().to_owned());
        Ok(())
    }
}
