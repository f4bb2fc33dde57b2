//! Benchmarks: ratios to other stacks, measured in the same run.
