//! Objectives and constraints: expressions in CEL, as expectations are.

use std::sync::Arc;

use cel::{Context, Env, Program, Value};
use serde_json::Value as Json;

/// An expression that has been read.
#[derive(Clone)]
pub(super) struct Expression {
    source: String,
    program: Arc<Program>,
    env: Arc<Env>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

impl Expression {
    /// Reads one; or says what is wrong with it and where.
    pub(super) fn read(source: &str) -> Result<Expression, String> {
        let program = Program::compile(source).map_err(|errors| {
            let one = |error: &cel::ParseError| {
                let (line, column) = error.pos;
                let message = error.msg.lines().next().unwrap_or("").trim();
                format!("line {line}, column {column}: {message}")
            };
            let all: Vec<String> = errors.errors.iter().map(one).collect();
            format!("{source:?} is no CEL: {}", all.join("; "))
        })?;
        let env = Arc::new(Env::stdlib());
        Ok(Expression { source: source.to_owned(), program: Arc::new(program), env })
    }

    fn value(&self, known: &[(&str, &Json)]) -> Result<Value, String> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        for (name, json) in known {
            let value = cel::to_value(json).unwrap_or(Value::Null);
            context.add_variable_from_value(*name, value);
        }
        self.program.execute(&context).map_err(|error| match error {
            cel::ExecutionError::NoSuchKey(key) => {
                format!("{:?}: there is no {key} here", self.source)
            }
            cel::ExecutionError::NoSuchOverload(_) => format!(
                "{:?} cannot be computed: {error}; all numbers are doubles, so write 2.0 and not 2; what is undefined is null",
                self.source
            ),
            error => format!("{:?} cannot be computed: {error}", self.source),
        })
    }

    /// The number that it gives; none where it gives null.
    pub(super) fn number(&self, known: &[(&str, &Json)]) -> Result<Option<f64>, String> {
        match self.value(known)? {
            Value::Float(number) => Ok(Some(number)),
            Value::Int(number) => Ok(Some(number as f64)),
            Value::UInt(number) => Ok(Some(number as f64)),
            Value::Null => Ok(None),
            other => Err(format!("{:?} gives {other:?} and no number", self.source)),
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, known: &[(&str, &Json)]) -> Result<bool, String> {
        match self.value(known)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(format!("{:?} gives {other:?} and not true or false", self.source)),
        }
    }
}
