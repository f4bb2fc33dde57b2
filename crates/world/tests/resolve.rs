//! The hook by which names become addresses.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use fathom_net::{Config, Host, Resolve, Resolving};
use fathom_world::World;

#[derive(Debug)]
struct Names;

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a Host, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            match name {
                "me" => Ok(vec![IpAddr::from([192, 0, 2, 1])]),
                _ => Err(io::Error::new(io::ErrorKind::NotFound, format!("{} knows no {name}", host.name()))),
            }
        })
    }
}

#[test]
fn a_host_asks_its_resolver_and_takes_addresses_as_they_are() {
    let mut world = World::new(1);
    let host = world.add_host("h", Config::default());
    let mut resolve = |name: &str| world.block_on(host.resolve(name)).unwrap();

    assert_eq!(resolve("me").unwrap_err().kind(), io::ErrorKind::Unsupported);
    assert_eq!(resolve("2001:db8::1").unwrap(), ["2001:db8::1".parse::<IpAddr>().unwrap()]);
    host.set_resolver(Some(Arc::new(Names)));
    assert_eq!(resolve("me").unwrap(), [IpAddr::from([192, 0, 2, 1])]);
    assert_eq!(resolve("you").unwrap_err().to_string(), "h knows no you");
}
