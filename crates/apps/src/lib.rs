//! The application layer on fathom's sockets: DNS, TLS, HTTP.
