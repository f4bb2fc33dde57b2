//! A running host: its sockets, its driver, its clock.
