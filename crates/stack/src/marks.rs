//! A value per socket, found without hashing.

use alloc::vec::Vec;

use crate::slab::Key;
use crate::socket::SocketId;

/// A small value for each socket, indexed by its place in the slab.
///
/// The key is kept beside the value, so what was noted of a socket that is gone is not taken for
/// its successor's.
#[derive(Debug)]
pub(crate) struct Marks<T> {
    kinds: [Vec<Option<(Key, T)>>; SocketId::KINDS],
}

impl<T: Copy> Marks<T> {
    pub(crate) fn new() -> Self {
        Marks { kinds: [const { Vec::new() }; SocketId::KINDS] }
    }

    /// The value of `socket`.
    pub(crate) fn get(&mut self, socket: SocketId) -> Option<&mut T> {
        let (kind, key) = socket.kind_and_key();
        match self.kinds[kind].get_mut(key.index as usize) {
            Some(Some((of, value))) if *of == key => Some(value),
            _ => None,
        }
    }

    /// Whether `socket` has a value.
    pub(crate) fn has(&self, socket: SocketId) -> bool {
        let (kind, key) = socket.kind_and_key();
        matches!(self.kinds[kind].get(key.index as usize), Some(Some((of, _))) if *of == key)
    }

    /// The sockets that have a value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = SocketId> + '_ {
        let of_kind = |(kind, marks): (usize, &'_ Vec<Option<(Key, T)>>)| {
            let keys = marks.iter().flatten().map(|(key, _)| *key).collect::<Vec<_>>();
            keys.into_iter().map(move |key| SocketId::from_kind_and_key(kind, key))
        };
        self.kinds.iter().enumerate().flat_map(of_kind)
    }

    /// Sets the value of `socket`, in place of that of an earlier socket in the same place.
    pub(crate) fn set(&mut self, socket: SocketId, value: T) {
        let (kind, key) = socket.kind_and_key();
        let marks = &mut self.kinds[kind];
        let index = key.index as usize;
        if marks.len() <= index {
            marks.resize(index + 1, None);
        }
        marks[index] = Some((key, value));
    }

    /// Takes the value of `socket` away.
    pub(crate) fn take(&mut self, socket: SocketId) -> Option<T> {
        let value = *self.get(socket)?;
        let (kind, key) = socket.kind_and_key();
        self.kinds[kind][key.index as usize] = None;
        Some(value)
    }
}
