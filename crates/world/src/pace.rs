//! How fast a world's time passes.

/// How fast a world's time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pace {
    /// As fast as the machine can: the clock jumps from one thing that happens to the next.
    #[default]
    Virtual,
    /// Not faster than real time. Other threads may use the hosts meanwhile, and the run waits for them
    /// when nothing else is left to do; it is then not the same each time.
    RealTime,
}
