//! A world ready to use: the embedded internet and its servers.
