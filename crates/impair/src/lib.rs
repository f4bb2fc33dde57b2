//! A bad link: frames and time in, frames and time out.
