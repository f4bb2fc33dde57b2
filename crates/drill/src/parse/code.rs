//! Code: statements of a small part of Python between `%{` and `}%`.

use fathom_linux::consts;

use super::cursor::{Cursor, Read, integer};
use crate::code::{Binary, Code, Compare, Data, Function, Statement, StatementAction, Term, Unary};
use crate::tcp_info;

/// How deep expressions may stand in each other.
const MAX_DEPTH: u32 = 32;
/// Words that are no names.
const RESERVED: &[&str] = &["and", "or", "not", "in", "is", "assert", "print", "if", "else", "for", "while"];

/// A block, from `%{` to `}%`.
pub(super) fn block(cursor: &mut Cursor<'_>) -> Read<Code> {
    let begin = cursor.at();
    cursor.expect("%{")?;
    let Some(len) = cursor.rest().find("}%") else {
        return cursor.wrong_at(begin, "this code has no }% at its end");
    };
    let end = cursor.at() + len;
    let mut inside = Cursor::in_code(cursor.between(0, end), cursor.defines.clone());
    inside.back_to(cursor.at());
    let mut statements = Vec::new();
    let mut parser = Parser { cursor: &mut inside, nesting: 0, depth: 0 };
    loop {
        parser.cursor.skip()?;
        while parser.cursor.eat(";") {
            parser.cursor.skip()?;
        }
        if parser.cursor.is_at_end() {
            break;
        }
        statements.push(parser.statement()?);
        parser.skip()?;
        if !parser.cursor.is_at_end() && !parser.cursor.eat("\n") && !parser.cursor.rest().starts_with(';') {
            return parser.cursor.expected("an operator or the end of this statement");
        }
    }
    cursor.back_to(end + 2);
    Ok(Code { statements })
}

struct Parser<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    /// Open parentheses: within them a statement goes on over the ends of lines.
    nesting: u32,
    depth: u32,
}

impl Parser<'_, '_> {
    fn skip(&mut self) -> Read<()> {
        if self.nesting > 0 {
            return self.cursor.skip();
        }
        self.cursor.skip_blanks()?;
        while self.cursor.eat("\\\n") {
            self.cursor.skip_blanks()?;
        }
        Ok(())
    }

    fn statement(&mut self) -> Read<Statement> {
        let begin = self.cursor.at();
        let place = self.cursor.place(begin);
        let word = self.cursor.word();
        let action = match word {
            "assert" => {
                let condition = self.term()?;
                self.skip()?;
                let message = if self.cursor.eat(",") { Some(self.term()?) } else { None };
                StatementAction::Assert(condition, message)
            }
            "print" => StatementAction::Print(self.printed()?),
            word if is_name(word) => {
                let name = word.to_owned();
                self.skip()?;
                if self.cursor.rest().starts_with("==") || !self.cursor.eat("=") {
                    self.cursor.back_to(begin);
                    return self
                        .cursor
                        .expected("a statement: assert CONDITION, print(VALUE) or NAME = VALUE");
                }
                if tcp_info::is_field(&name) || consts::by_name(&name).is_some() {
                    return self.cursor.wrong_at(begin, format!("{name} cannot be assigned: it is given"));
                }
                let value = self.term()?;
                // From here on it is a name.
                self.cursor.defines.insert(name.clone(), String::new());
                StatementAction::Assign(name, value)
            }
            _ => {
                self.cursor.back_to(begin);
                return self.cursor.expected("a statement: assert CONDITION, print(VALUE) or NAME = VALUE");
            }
        };
        let text = super::one_line(self.cursor.between(begin, self.cursor.at()));
        Ok(Statement { place, text, action })
    }

    fn printed(&mut self) -> Read<Vec<Term>> {
        self.skip()?;
        if self.cursor.is_at_end() || self.cursor.peek() == Some('\n') {
            return Ok(Vec::new());
        }
        let mut terms = vec![self.term()?];
        self.skip()?;
        while self.cursor.eat(",") {
            terms.push(self.term()?);
            self.skip()?;
        }
        // print(a, b) gives its values, not a list of them.
        if let [Term::List(list)] = terms.as_mut_slice() {
            return Ok(std::mem::take(list));
        }
        Ok(terms)
    }

    fn term(&mut self) -> Read<Term> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.cursor.wrong("this expression is too deep");
        }
        let mut left = self.conjunction()?;
        while self.eat_word("or")? {
            left = Term::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Read<Term> {
        let mut left = self.negation()?;
        while self.eat_word("and")? {
            left = Term::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Read<Term> {
        if !self.eat_word("not")? {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.cursor.wrong("this expression is too deep");
        }
        let negated = Term::Unary(Unary::Not, Box::new(self.negation()?));
        self.depth -= 1;
        Ok(negated)
    }

    fn comparison(&mut self) -> Read<Term> {
        let first = self.binary(0)?;
        let mut rest = Vec::new();
        loop {
            self.skip()?;
            let comparison = if self.cursor.eat("==") {
                Compare::Equal
            } else if self.cursor.eat("!=") {
                Compare::NotEqual
            } else if self.cursor.eat("<=") {
                Compare::LessOrEqual
            } else if self.cursor.eat(">=") {
                Compare::GreaterOrEqual
            } else if self.cursor.eat("<") {
                Compare::Less
            } else if self.cursor.eat(">") {
                Compare::Greater
            } else if self.eat_word("in")? {
                Compare::In
            } else if self.eat_word("not")? {
                if !self.eat_word("in")? {
                    return self.cursor.expected("'in' behind 'not'");
                }
                Compare::NotIn
            } else {
                break;
            };
            rest.push((comparison, self.binary(0)?));
        }
        Ok(if rest.is_empty() { first } else { Term::Compare(Box::new(first), rest) })
    }

    /// Operations on two values that bind at least as tightly as `level` of [`LEVELS`].
    fn binary(&mut self, level: usize) -> Read<Term> {
        let Some(operations) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        'more: loop {
            self.skip()?;
            for (sign, not_before, operation) in *operations {
                let rest = self.cursor.rest();
                if rest.starts_with(sign) && !rest[sign.len()..].starts_with(*not_before) {
                    self.cursor.eat(sign);
                    left = Term::Binary(*operation, Box::new(left), Box::new(self.binary(level + 1)?));
                    continue 'more;
                }
            }
            return Ok(left);
        }
    }

    fn unary(&mut self) -> Read<Term> {
        self.skip()?;
        let operation = match self.cursor.peek() {
            Some('-') => Unary::Minus,
            Some('~') => Unary::Invert,
            _ => return self.power(),
        };
        self.cursor.next();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.cursor.wrong("this expression is too deep");
        }
        let term = Term::Unary(operation, Box::new(self.unary()?));
        self.depth -= 1;
        Ok(term)
    }

    fn power(&mut self) -> Read<Term> {
        let base = self.atom()?;
        self.skip()?;
        if !self.cursor.eat("**") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.cursor.wrong("this expression is too deep");
        }
        let power = Term::Binary(Binary::Power, Box::new(base), Box::new(self.unary()?));
        self.depth -= 1;
        Ok(power)
    }

    fn atom(&mut self) -> Read<Term> {
        self.skip()?;
        let at = self.cursor.at();
        match self.cursor.peek() {
            Some(open @ ('(' | '[')) => {
                self.cursor.next();
                self.nested(if open == '(' { ")" } else { "]" }, open == '[')
            }
            Some('"' | '\'') => self.text(),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let word = self.cursor.word();
                self.named(at, word)
            }
            _ => self.cursor.expected("a value: a number, a name, \"text\" or (expression)"),
        }
    }

    /// What stands in parentheses: one value, or a list.
    fn nested(&mut self, close: &str, always_list: bool) -> Read<Term> {
        self.nesting += 1;
        let mut terms = Vec::new();
        let mut is_list = always_list;
        loop {
            self.skip()?;
            if (is_list || terms.is_empty()) && self.cursor.eat(close) {
                is_list |= terms.is_empty();
                break;
            }
            terms.push(self.term()?);
            self.skip()?;
            if self.cursor.eat(close) {
                break;
            }
            if !self.cursor.eat(",") {
                return self.cursor.expected(&format!("an operator, ',' or '{close}'"));
            }
            is_list = true;
        }
        self.nesting -= 1;
        match (terms.pop(), is_list) {
            (Some(term), false) => Ok(term),
            (last, _) => Ok(Term::List(terms.into_iter().chain(last).collect())),
        }
    }

    fn text(&mut self) -> Read<Term> {
        let begin = self.cursor.at();
        let quote = self.cursor.next();
        let from = self.cursor.at();
        while self.cursor.peek().is_some() && self.cursor.peek() != quote && self.cursor.peek() != Some('\n')
        {
            self.cursor.next();
        }
        let text = self.cursor.between(from, self.cursor.at()).to_owned();
        if self.cursor.next() != quote {
            return self.cursor.wrong_at(begin, "this string has no quotation mark at its end");
        }
        Ok(Term::Literal(Data::Text(text)))
    }

    fn number(&mut self) -> Read<Term> {
        let at = self.cursor.at();
        let whole = self.cursor.word();
        let mut text = whole.to_owned();
        if self.cursor.eat(".") {
            text = format!("{whole}.{}", self.cursor.word());
        } else if let Some(number) = integer(whole) {
            return Ok(Term::Literal(Data::Int(number.into())));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Term::Literal(Data::Float(number))),
            _ => self.cursor.wrong_at(at, format!("'{text}' is no number")),
        }
    }

    fn named(&mut self, at: usize, word: &str) -> Read<Term> {
        match word {
            "True" => return Ok(Term::Literal(Data::Bool(true))),
            "False" => return Ok(Term::Literal(Data::Bool(false))),
            "None" => return Ok(Term::Literal(Data::None)),
            _ => {}
        }
        if self.cursor.peek() == Some('(') {
            let Some(function) = Function::by_name(word) else {
                let known = "abs, min, max, int, float or len";
                return self.cursor.wrong_at(at, format!("there is no function {word}: expected {known}"));
            };
            self.cursor.next();
            let Term::List(terms) = self.nested(")", true)? else { return Ok(Term::List(Vec::new())) };
            return Ok(Term::Call(function, terms));
        }
        // A defined number stands for itself; what was assigned is defined as nothing.
        if let Some(value) = self.cursor.defines.get(word).filter(|value| !value.is_empty()) {
            return match integer(value) {
                Some(number) => Ok(Term::Literal(Data::Int(number.into()))),
                None => Ok(Term::Literal(Data::Text(value.clone()))),
            };
        }
        let is_known = self.cursor.defines.contains_key(word)
            || tcp_info::is_field(word)
            || consts::by_name(word).is_some();
        if !is_known || RESERVED.contains(&word) {
            let what = format!(
                "there is no name {word}: expected a field of tcp_info, a constant or what was assigned"
            );
            return self.cursor.wrong_at(at, what);
        }
        Ok(Term::Name(word.to_owned()))
    }

    fn eat_word(&mut self, word: &str) -> Read<bool> {
        self.skip()?;
        Ok(self.cursor.peek_word() == word && self.cursor.eat(word))
    }
}

fn is_name(word: &str) -> bool {
    super::settings::is_name(word) && !RESERVED.contains(&word)
}

/// Signs of operations on two values, from those that bind least; none is followed by its second part.
const LEVELS: &[&[(&str, &str, Binary)]] = &[
    &[("|", "=", Binary::Or)],
    &[("^", "=", Binary::Xor)],
    &[("&", "=", Binary::And)],
    &[("<<", "=", Binary::ShiftLeft), (">>", "=", Binary::ShiftRight)],
    &[("+", "=", Binary::Add), ("-", "=", Binary::Subtract)],
    &[
        ("*", "*", Binary::Multiply),
        ("//", "=", Binary::FloorDivide),
        ("/", "/", Binary::Divide),
        ("%", "=", Binary::Remainder),
    ],
];
