//! Tests of single connections, segment by segment.
