//! The limit on payload memory.

/// A part of the memory that only [control packets](MemoryBudget::charge_control) may take: one in eight bytes,
/// and no more than so many.
const MOST_RESERVED: usize = 64 << 10;

/// Counts the payload memory of a stack against
/// [`Config::memory_limit`](crate::Config::memory_limit).
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    in_use: usize,
    /// What is charged may take [`is_tight`](MemoryBudget::is_tight) to be true, and no more.
    sparing: bool,
}

impl MemoryBudget {
    pub(crate) const fn new(limit: usize) -> Self {
        MemoryBudget { limit, in_use: 0, sparing: false }
    }

    /// A budget that is used up.
    #[cfg(test)]
    pub(crate) const fn full(in_use: usize) -> Self {
        MemoryBudget { limit: in_use, in_use, sparing: false }
    }

    /// Takes `bytes` from the budget; false, and nothing taken, when it has not that much left.
    #[must_use]
    pub(crate) fn charge(&mut self, bytes: usize) -> bool {
        self.charge_up_to(self.most(), bytes)
    }

    /// What `take` charges leaves the last quarter alone. That is for data that arrives in order, which a
    /// program can read at once: what is written, and what arrives out of order, holds its memory until such
    /// data, or an acknowledgement that comes with it, has arrived.
    pub(crate) fn sparing<R>(&mut self, take: impl FnOnce(&mut MemoryBudget) -> R) -> R {
        self.sparing = true;
        let taken = take(self);
        self.sparing = false;
        taken
    }

    /// Bytes that payload may take.
    const fn most(&self) -> usize {
        if self.sparing { self.limit / 4 * 3 } else { self.limit - self.reserved() }
    }

    /// As [`charge`](MemoryBudget::charge), for what sockets wait for: questions and answers about neighbours,
    /// acknowledgements, resets. Sockets that hold all the memory there is could not send without them, and
    /// would hold it for ever; so a part is kept for these.
    #[must_use]
    pub(crate) fn charge_control(&mut self, bytes: usize) -> bool {
        self.charge_up_to(self.limit, bytes)
    }

    fn charge_up_to(&mut self, limit: usize, bytes: usize) -> bool {
        match self.in_use.checked_add(bytes) {
            Some(sum) if sum <= limit => {
                self.in_use = sum;
                true
            }
            _ => false,
        }
    }

    const fn reserved(&self) -> usize {
        let part = self.limit / 8;
        if part < MOST_RESERVED { part } else { MOST_RESERVED }
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

    /// Bytes left for payload.
    pub(crate) const fn left(&self) -> usize {
        self.most().saturating_sub(self.in_use)
    }

    /// Bytes in use.
    pub(crate) const fn in_use(&self) -> usize {
        self.in_use
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_leaves_a_part_to_control_packets_and_what_is_spared_to_what_arrives() {
        let mut budget = MemoryBudget::new(8000);
        assert!(budget.sparing(|budget| budget.charge(6000)));
        assert!(!budget.sparing(|budget| budget.charge(1)));
        assert_eq!((budget.is_tight(), budget.left()), (false, 1000));
        assert!(budget.charge(1000));
        assert!(!budget.charge(1));
        assert!(budget.charge_control(1000));
        assert!(!budget.charge_control(1));
        budget.release(7500);
        assert_eq!((budget.in_use(), budget.left()), (500, 6500));
    }

    #[test]
    fn of_much_memory_little_is_kept_for_control_packets() {
        let mut budget = MemoryBudget::new(256 << 20);
        assert!(budget.charge((256 << 20) - MOST_RESERVED));
        assert!(!budget.charge(1));
    }
}
