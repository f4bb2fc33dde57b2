//! Words for one direction: `up:2mbit`.

use core::fmt;
use core::str::FromStr;

/// A value for both directions of a link or for one: `40ms`, `up:40ms`, `down:40ms`.
///
/// Up is the way from the host that the command runs to the network, down the way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Directed<T> {
    /// Both directions.
    Both(T),
    /// From the host to the network only.
    Up(T),
    /// From the network to the host only.
    Down(T),
}

impl<T: Clone> Directed<T> {
    /// Calls `set` for each direction meant, with the conditions of that direction.
    pub fn apply<C>(&self, up: &mut C, down: &mut C, set: impl Fn(&mut C, T)) {
        match self {
            Directed::Both(value) => {
                set(up, value.clone());
                set(down, value.clone());
            }
            Directed::Up(value) => set(up, value.clone()),
            Directed::Down(value) => set(down, value.clone()),
        }
    }
}

impl<T: FromStr> FromStr for Directed<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if let Some(value) = text.strip_prefix("up:") {
            value.parse().map(Directed::Up)
        } else if let Some(value) = text.strip_prefix("down:") {
            value.parse().map(Directed::Down)
        } else {
            text.parse().map(Directed::Both)
        }
    }
}

impl<T: fmt::Display> fmt::Display for Directed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Directed::Both(value) => write!(f, "{value}"),
            Directed::Up(value) => write!(f, "up:{value}"),
            Directed::Down(value) => write!(f, "down:{value}"),
        }
    }
}
