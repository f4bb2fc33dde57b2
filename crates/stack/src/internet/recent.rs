//! The latest answer to a question that comes again and again.

/// An answer that holds as long as the question is the same and nothing has changed that it depends on.
///
/// Packets come in trains: the address and route of one are mostly those of the one before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent<Q, A> {
    version: u64,
    entry: Option<(Q, A)>,
}

impl<Q: Copy, A: Copy> Recent<Q, A> {
    pub(crate) const fn new() -> Self {
        Recent { version: 0, entry: None }
    }

    /// The answer to the question that `is_latest` knows; `None` if the latest was another one, or was asked
    /// of another `version` of what it depends on. (Questions are of parts that come from different places. To
    /// put them together for a comparison costs more than the comparison.)
    #[inline]
    pub(crate) fn get(&self, version: u64, is_latest: impl FnOnce(&Q) -> bool) -> Option<&A> {
        match &self.entry {
            Some((latest, answer)) if self.version == version && is_latest(latest) => Some(answer),
            _ => None,
        }
    }

    /// The answer that was noted last.
    #[inline]
    pub(crate) fn latest(&self) -> Option<&A> {
        self.entry.as_ref().map(|(_, answer)| answer)
    }

    /// Notes the answer to `question`.
    pub(crate) fn note(&mut self, version: u64, question: Q, answer: A) {
        self.version = version;
        self.entry = Some((question, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_for_the_same_question_and_version_only() {
        let mut recent = Recent::new();
        let get = |recent: &Recent<char, u32>, version, question| {
            recent.get(version, |latest| *latest == question).copied()
        };
        assert_eq!(get(&recent, 1, 'a'), None);
        recent.note(1, 'a', 10);
        assert_eq!(get(&recent, 1, 'a'), Some(10));
        assert_eq!(get(&recent, 1, 'b'), None);
        assert_eq!(get(&recent, 2, 'a'), None);
        recent.note(2, 'b', 20);
        assert_eq!((get(&recent, 2, 'a'), get(&recent, 2, 'b')), (None, Some(20)));
    }
}
