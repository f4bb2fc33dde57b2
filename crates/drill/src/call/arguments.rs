//! The arguments of a call, each as what it must be.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::value;
use super::{Fit, MAX_BYTES, Unfit};
use crate::script::{Call, Expression, Value};

/// The arguments of a call.
pub(super) struct Arguments<'a> {
    call: &'a Call,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(call: &'a Call) -> Self {
        Arguments { call }
    }

    /// That there are as many as the `form` has. To be asked first.
    pub(super) fn count(&self, form: &str, count: RangeInclusive<usize>) -> Fit<()> {
        if count.contains(&self.call.arguments.len()) {
            return Ok(());
        }
        let message = format!("expected {form}, found {} arguments", self.call.arguments.len());
        Err(Unfit { place: self.call.place, message })
    }

    pub(super) fn argument(&self, at: usize) -> &'a Expression {
        &self.call.arguments[at]
    }

    /// That an argument is not what it must be.
    pub(super) fn wrong(&self, at: usize, expected: &str) -> Unfit {
        let message = format!("expected {expected} as argument {} of {}", at + 1, self.call.name);
        Unfit { place: self.argument(at).place, message }
    }

    pub(super) fn integer(&self, at: usize) -> Fit<i64> {
        match self.argument(at).value {
            Value::Integer(number) => Ok(number),
            _ => Err(self.wrong(at, "a number")),
        }
    }

    pub(super) fn int(&self, at: usize) -> Fit<i32> {
        let number = self.integer(at)?;
        // Flags may be written as unsigned numbers.
        match i32::try_from(number).or_else(|_| u32::try_from(number).map(|number| number as i32)) {
            Ok(number) => Ok(number),
            Err(_) => Err(self.wrong(at, "a number of 32 bits")),
        }
    }

    pub(super) fn int_or(&self, at: usize, default: i32) -> Fit<i32> {
        if self.argument(at).value == Value::Any { Ok(default) } else { self.int(at) }
    }

    pub(super) fn fd(&self, at: usize) -> Fit<i64> {
        match self.argument(at).value {
            Value::Integer(number) => Ok(number),
            _ => Err(self.wrong(at, "a descriptor")),
        }
    }

    /// A number of bytes: a number, or a list of one where Linux wants a pointer.
    pub(super) fn len(&self, at: usize) -> Fit<usize> {
        let number = match &self.argument(at).value {
            Value::Integer(number) => Some(*number),
            Value::List(list) => match list.as_slice() {
                [Expression { value: Value::Integer(number), .. }] => Some(*number),
                _ => None,
            },
            _ => None,
        };
        match number.filter(|number| (0..=MAX_BYTES).contains(number)) {
            Some(number) => Ok(number as usize),
            None => Err(self.wrong(at, &format!("a number of bytes, at most {MAX_BYTES},"))),
        }
    }

    /// `[value]`, or none for `...`.
    pub(super) fn cell(&self, at: usize) -> Fit<Option<i32>> {
        match &self.argument(at).value {
            Value::Any => Ok(None),
            Value::List(list) => match list.as_slice() {
                [Expression { value: Value::Any, .. }] => Ok(None),
                [Expression { value: Value::Integer(number), .. }] => match i32::try_from(*number) {
                    Ok(number) => Ok(Some(number)),
                    Err(_) => Err(self.wrong(at, "a number of 32 bits")),
                },
                _ => Err(self.wrong(at, "[value] or ...")),
            },
            _ => Err(self.wrong(at, "[value] or ...")),
        }
    }

    /// An address; `default` for `...`, none for `AF_UNSPEC`.
    pub(super) fn address_or(&self, at: usize, default: SocketAddr) -> Fit<Option<SocketAddr>> {
        value::address(self.argument(at), default)
    }

    /// An address that a call gives: none for `...` and NULL.
    pub(super) fn any_address(&self, at: usize) -> Fit<Option<SocketAddr>> {
        match &self.argument(at).value {
            Value::Any | Value::Integer(0) => Ok(None),
            _ => value::address(self.argument(at), SocketAddr::from(([0; 4], 0))),
        }
    }
}
