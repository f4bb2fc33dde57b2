//! `%{ assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd }%`: a small part of Python, over the fields of `tcp_info`.

use std::fmt;

use crate::script::Place;

mod evaluate;

pub(crate) use evaluate::{Scope, run};

/// The statements between `%{` and `}%`.
#[derive(Clone, PartialEq, Debug)]
pub struct Code {
    /// In order.
    pub statements: Vec<Statement>,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    /// Where it begins.
    pub place: Place,
    /// Its text.
    pub text: String,
    /// What it does.
    pub action: StatementAction,
}

/// What a [`Statement`] does.
#[derive(Clone, PartialEq, Debug)]
pub enum StatementAction {
    /// `assert condition, message`
    Assert(Term, Option<Term>),
    /// `print(a, b)`
    Print(Vec<Term>),
    /// `name = value`
    Assign(String, Term),
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Term {
    /// A number, a string, a truth value, or none.
    Literal(Data),
    /// A field of `tcp_info`, a constant, or what was assigned.
    Name(String),
    /// `-a`, `~a`, `not a`
    Unary(Unary, Box<Term>),
    /// `a + b` and the like
    Binary(Binary, Box<Term>, Box<Term>),
    /// `a < b <= c`
    Compare(Box<Term>, Vec<(Compare, Term)>),
    /// `a and b`
    And(Box<Term>, Box<Term>),
    /// `a or b`
    Or(Box<Term>, Box<Term>),
    /// `abs(a)`, `min(a, b)`, `max(a, b)`, `int(a)`, `float(a)`, `len(a)`
    Call(Function, Vec<Term>),
    /// `(a, b)`, `[a, b]`
    List(Vec<Term>),
}

/// An operation on one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unary {
    /// `-`
    Minus,
    /// `~`
    Invert,
    /// `not`
    Not,
}

/// An operation on two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    FloorDivide,
    /// `%`
    Remainder,
    /// `**`
    Power,
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    Xor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compare {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// `abs(a)`
    Abs,
    /// `min(a, b, …)`
    Min,
    /// `max(a, b, …)`
    Max,
    /// `int(a)`
    Int,
    /// `float(a)`
    Float,
    /// `len(a)`
    Len,
}

impl Function {
    /// The function of this name.
    pub(crate) fn by_name(name: &str) -> Option<Function> {
        Some(match name {
            "abs" => Function::Abs,
            "min" => Function::Min,
            "max" => Function::Max,
            "int" => Function::Int,
            "float" => Function::Float,
            "len" => Function::Len,
            _ => return None,
        })
    }
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// A string.
    Text(String),
    /// True or false.
    Bool(bool),
    /// None.
    None,
    /// Several values.
    List(Vec<Data>),
}

impl fmt::Display for Data {
    /// As Python prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::Int(number) => write!(f, "{number}"),
            Data::Float(number) => write!(f, "{number:?}"),
            Data::Text(text) => f.write_str(text),
            Data::Bool(true) => f.write_str("True"),
            Data::Bool(false) => f.write_str("False"),
            Data::None => f.write_str("None"),
            Data::List(list) => {
                f.write_str("(")?;
                for (i, data) in list.iter().enumerate() {
                    write!(f, "{}{data}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests;
