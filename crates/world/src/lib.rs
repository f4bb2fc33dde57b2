//! Many hosts in one process: clock, executor, links, routers.
