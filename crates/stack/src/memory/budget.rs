//! The limit on payload memory.

/// Counts the payload memory of a stack against
/// [`Config::memory_limit`](crate::Config::memory_limit).
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    in_use: usize,
}

impl MemoryBudget {
    pub(crate) const fn new(limit: usize) -> Self {
        MemoryBudget { limit, in_use: 0 }
    }

    /// A budget that is used up.
    #[cfg(test)]
    pub(crate) const fn full(in_use: usize) -> Self {
        MemoryBudget { limit: in_use, in_use }
    }

    /// Takes `bytes` from the budget; false, and nothing taken, when it has not that much left.
    #[must_use]
    pub(crate) fn charge(&mut self, bytes: usize) -> bool {
        match self.in_use.checked_add(bytes) {
            Some(sum) if sum <= self.limit => {
                self.in_use = sum;
                true
            }
            _ => false,
        }
    }

    /// Gives back `bytes` that were charged.
    pub(crate) fn release(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.in_use, "released {bytes} of {} bytes", self.in_use);
        self.in_use = self.in_use.saturating_sub(bytes);
    }

    /// Whether little is left: buffers that grow by themselves stop growing at three quarters.
    pub(crate) const fn is_tight(&self) -> bool {
        self.in_use > self.limit / 4 * 3
    }

    /// Bytes in use.
    pub(crate) const fn in_use(&self) -> usize {
        self.in_use
    }
}
