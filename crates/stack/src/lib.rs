//! The engine: link, internet and transport layers as one state machine without I/O.
