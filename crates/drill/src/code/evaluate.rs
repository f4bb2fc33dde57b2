//! What statements and expressions come to.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use fathom_linux::consts;

use super::{Binary, Code, Compare, Data, Function, Statement, StatementAction, Term, Unary};

/// What names stand for: fields of `tcp_info` at this moment, and what was assigned.
#[derive(Clone, Default, Debug)]
pub(crate) struct Scope {
    /// The fields of `tcp_info`, if there is a connection.
    pub(crate) fields: Option<BTreeMap<&'static str, u64>>,
    /// What was assigned, in this block and those before it.
    pub(crate) assigned: BTreeMap<String, Data>,
}

/// Why a statement did not hold, with the statement.
#[derive(Debug)]
pub(crate) struct Broken<'a> {
    pub(crate) statement: &'a Statement,
    /// What did not hold, or what could not be computed.
    pub(crate) why: String,
    /// The names of the statement with their values.
    pub(crate) values: Vec<String>,
}

/// Runs the statements. `print` gets what is printed, line by line.
pub(crate) fn run<'a>(
    code: &'a Code,
    scope: &mut Scope,
    mut print: impl FnMut(String),
) -> Result<(), Broken<'a>> {
    for statement in &code.statements {
        let why = match &statement.action {
            StatementAction::Print(terms) => {
                let values: Result<Vec<String>, String> =
                    terms.iter().map(|term| Ok(scope.value(term)?.to_string())).collect();
                values.map(|values| print(values.join(" ")))
            }
            StatementAction::Assign(name, term) => scope.value(term).map(|value| {
                scope.assigned.insert(name.clone(), value);
            }),
            StatementAction::Assert(condition, message) => scope.assert(condition, message.as_ref()),
        };
        if let Err(why) = why {
            let values = scope.named_values(statement);
            return Err(Broken { statement, why, values });
        }
    }
    Ok(())
}

impl Scope {
    fn assert(&self, condition: &Term, message: Option<&Term>) -> Result<(), String> {
        if self.value(condition)?.is_true() {
            return Ok(());
        }
        Err(match message {
            Some(message) => format!("the assertion does not hold: {}", self.value(message)?),
            None => "the assertion does not hold".into(),
        })
    }

    /// Each name that a statement uses, with its value.
    fn named_values(&self, statement: &Statement) -> Vec<String> {
        let mut names = Vec::new();
        let terms: Vec<&Term> = match &statement.action {
            StatementAction::Assert(condition, message) => {
                std::iter::once(condition).chain(message).collect()
            }
            StatementAction::Print(terms) => terms.iter().collect(),
            StatementAction::Assign(_, term) => vec![term],
        };
        for term in terms {
            collect_names(term, &mut names);
        }
        let value = |name: &&str| Some(format!("{name} = {}", self.name(name).ok()?));
        names.iter().filter_map(value).collect()
    }

    fn name(&self, name: &str) -> Result<Data, String> {
        if let Some(value) = self.assigned.get(name) {
            return Ok(value.clone());
        }
        if let Some(constant) = consts::by_name(name) {
            return Ok(Data::Int(constant.into()));
        }
        match &self.fields {
            None => Err(format!("{name} has no value: there is no TCP socket to take it from")),
            Some(fields) => match fields.get(name) {
                Some(value) => Ok(Data::Int((*value).into())),
                None => Err(format!("{name} has no value")),
            },
        }
    }

    fn value(&self, term: &Term) -> Result<Data, String> {
        match term {
            Term::Literal(data) => Ok(data.clone()),
            Term::Name(name) => self.name(name),
            Term::List(terms) => Ok(Data::List(self.values(terms)?)),
            Term::Unary(operation, term) => unary(*operation, self.value(term)?),
            Term::Binary(operation, left, right) => binary(*operation, self.value(left)?, self.value(right)?),
            Term::And(left, right) => {
                let left = self.value(left)?;
                if left.is_true() { self.value(right) } else { Ok(left) }
            }
            Term::Or(left, right) => {
                let left = self.value(left)?;
                if left.is_true() { Ok(left) } else { self.value(right) }
            }
            Term::Compare(first, rest) => {
                let mut left = self.value(first)?;
                for (comparison, right) in rest {
                    let right = self.value(right)?;
                    if !compare(*comparison, &left, &right)? {
                        return Ok(Data::Bool(false));
                    }
                    left = right;
                }
                Ok(Data::Bool(true))
            }
            Term::Call(function, terms) => call(*function, self.values(terms)?),
        }
    }

    fn values(&self, terms: &[Term]) -> Result<Vec<Data>, String> {
        terms.iter().map(|term| self.value(term)).collect()
    }
}

fn collect_names<'a>(term: &'a Term, names: &mut Vec<&'a str>) {
    match term {
        Term::Literal(_) => {}
        Term::Name(name) => {
            // A constant explains itself.
            if !names.contains(&name.as_str()) && consts::by_name(name).is_none() {
                names.push(name);
            }
        }
        Term::Unary(_, term) => collect_names(term, names),
        Term::Binary(_, left, right) | Term::And(left, right) | Term::Or(left, right) => {
            collect_names(left, names);
            collect_names(right, names);
        }
        Term::Compare(first, rest) => {
            collect_names(first, names);
            rest.iter().for_each(|(_, term)| collect_names(term, names));
        }
        Term::Call(_, terms) | Term::List(terms) => terms.iter().for_each(|term| collect_names(term, names)),
    }
}

impl Data {
    fn is_true(&self) -> bool {
        match self {
            Data::Int(number) => *number != 0,
            Data::Float(number) => *number != 0.0,
            Data::Text(text) => !text.is_empty(),
            Data::Bool(truth) => *truth,
            Data::None => false,
            Data::List(list) => !list.is_empty(),
        }
    }

    /// As a whole number, which truth values are as well in Python.
    fn int(&self) -> Option<i128> {
        match self {
            Data::Int(number) => Some(*number),
            Data::Bool(truth) => Some((*truth).into()),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Data::Float(number) => Some(*number),
            other => other.int().map(|number| number as f64),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Data::Int(_) => "a whole number",
            Data::Float(_) => "a number",
            Data::Text(_) => "a string",
            Data::Bool(_) => "a truth value",
            Data::None => "None",
            Data::List(_) => "a list",
        }
    }
}

const TOO_LARGE: &str = "the result is too large";

fn unary(operation: Unary, value: Data) -> Result<Data, String> {
    match (operation, value.int(), &value) {
        (Unary::Not, ..) => Ok(Data::Bool(!value.is_true())),
        (Unary::Minus, _, Data::Float(number)) => Ok(Data::Float(-number)),
        (Unary::Minus, Some(number), _) => number.checked_neg().map(Data::Int).ok_or(TOO_LARGE.into()),
        (Unary::Invert, Some(number), _) => Ok(Data::Int(!number)),
        _ => Err(format!("this cannot be computed of {}", value.kind())),
    }
}

fn binary(operation: Binary, left: Data, right: Data) -> Result<Data, String> {
    if let (Binary::Add, Data::Text(left), Data::Text(right)) = (operation, &left, &right) {
        return Ok(Data::Text(format!("{left}{right}")));
    }
    let zero = || Err("division by zero".to_owned());
    if let (Some(a), Some(b)) = (left.int(), right.int()) {
        let result = match operation {
            Binary::Add => a.checked_add(b),
            Binary::Subtract => a.checked_sub(b),
            Binary::Multiply => a.checked_mul(b),
            Binary::Divide if b == 0 => return zero(),
            Binary::Divide => return Ok(Data::Float(a as f64 / b as f64)),
            Binary::FloorDivide | Binary::Remainder if b == 0 => return zero(),
            Binary::FloorDivide => a.checked_div_euclid(b).map(|quotient| floor(quotient, a, b)),
            Binary::Remainder => {
                a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
            }
            Binary::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            Binary::And => Some(a & b),
            Binary::Or => Some(a | b),
            Binary::Xor => Some(a ^ b),
            Binary::ShiftLeft => {
                u32::try_from(b).ok().filter(|b| *b < 64).and_then(|b| a.checked_mul(1 << b))
            }
            Binary::ShiftRight => {
                u32::try_from(b).ok().map(|b| a.checked_shr(b).unwrap_or(if a < 0 { -1 } else { 0 }))
            }
        };
        return result.map(Data::Int).ok_or(TOO_LARGE.into());
    }
    let (Some(a), Some(b)) = (left.float(), right.float()) else {
        return Err(format!("this cannot be computed of {} and {}", left.kind(), right.kind()));
    };
    Ok(Data::Float(match operation {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide | Binary::FloorDivide | Binary::Remainder if b == 0.0 => return zero(),
        Binary::Divide => a / b,
        Binary::FloorDivide => (a / b).floor(),
        Binary::Remainder => a - b * (a / b).floor(),
        Binary::Power => a.powf(b),
        _ => return Err("this operation is for whole numbers only".into()),
    }))
}

/// Python rounds down where Euclid's division keeps the rest positive: they differ for negative divisors.
fn floor(quotient: i128, a: i128, b: i128) -> i128 {
    if b < 0 && a.rem_euclid(b) != 0 { quotient - 1 } else { quotient }
}

fn order(left: &Data, right: &Data) -> Option<Ordering> {
    match (left, right) {
        (Data::Text(left), Data::Text(right)) => Some(left.cmp(right)),
        (Data::List(left), Data::List(right)) => {
            let differing = left.iter().zip(right).map(|(left, right)| order(left, right));
            let first = differing.into_iter().find(|order| *order != Some(Ordering::Equal));
            first.unwrap_or(Some(left.len().cmp(&right.len())))
        }
        (Data::None, Data::None) => Some(Ordering::Equal),
        _ => match (left.int(), right.int()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.float()?.partial_cmp(&right.float()?),
        },
    }
}

fn compare(comparison: Compare, left: &Data, right: &Data) -> Result<bool, String> {
    let is_equal = || order(left, right) == Some(Ordering::Equal);
    let ordered =
        || order(left, right).ok_or_else(|| format!("{} and {} have no order", left.kind(), right.kind()));
    Ok(match comparison {
        Compare::Equal => is_equal(),
        Compare::NotEqual => !is_equal(),
        Compare::Less => ordered()? == Ordering::Less,
        Compare::LessOrEqual => ordered()? != Ordering::Greater,
        Compare::Greater => ordered()? == Ordering::Greater,
        Compare::GreaterOrEqual => ordered()? != Ordering::Less,
        Compare::In | Compare::NotIn => {
            let is_in = match (left, right) {
                (left, Data::List(list)) => {
                    list.iter().any(|data| order(left, data) == Some(Ordering::Equal))
                }
                (Data::Text(left), Data::Text(right)) => right.contains(left.as_str()),
                (_, right) => return Err(format!("nothing is in {}", right.kind())),
            };
            is_in == (comparison == Compare::In)
        }
    })
}

fn call(function: Function, values: Vec<Data>) -> Result<Data, String> {
    let one = |values: &[Data]| match values {
        [value] => Ok(value.clone()),
        _ => Err("this function takes one value".to_owned()),
    };
    match function {
        Function::Abs => match one(&values)? {
            Data::Float(number) => Ok(Data::Float(number.abs())),
            value => {
                let number = value.int().ok_or_else(|| format!("abs is not of {}", value.kind()))?;
                number.checked_abs().map(Data::Int).ok_or(TOO_LARGE.into())
            }
        },
        Function::Int => match one(&values)? {
            Data::Float(number) => Ok(Data::Int(number as i128)),
            value => value.int().map(Data::Int).ok_or_else(|| format!("int is not of {}", value.kind())),
        },
        Function::Float => {
            let value = one(&values)?;
            value.float().map(Data::Float).ok_or_else(|| format!("float is not of {}", value.kind()))
        }
        Function::Len => match one(&values)? {
            Data::Text(text) => Ok(Data::Int(text.chars().count() as i128)),
            Data::List(list) => Ok(Data::Int(list.len() as i128)),
            value => Err(format!("{} has no length", value.kind())),
        },
        Function::Min | Function::Max => {
            let values = match values.as_slice() {
                [Data::List(list)] => list.clone(),
                _ => values,
            };
            let wanted = if function == Function::Min { Ordering::Less } else { Ordering::Greater };
            let mut best: Option<Data> = None;
            for value in values {
                let takes = match &best {
                    None => true,
                    Some(best) => {
                        let order = order(&value, best);
                        order.ok_or_else(|| format!("{} and {} have no order", value.kind(), best.kind()))?
                            == wanted
                    }
                };
                if takes {
                    best = Some(value);
                }
            }
            best.ok_or_else(|| "min and max need values".into())
        }
    }
}
