//! Neighbours get to know each other before time begins, as on a network that has been up for a while:
//! a first packet then costs no address resolution, which on the wide-area link would be a round trip.

use std::net::IpAddr;
use std::time::Duration;

use fathom_net::{Family, Host};

use super::{CORE_WAN, HOME, Internet, RESOLVER, WEB};
use crate::config::Families;
use crate::lab::LabError;

/// Lets every pair of neighbours exchange an echo. Takes no time on perfect links.
pub(crate) async fn warm(internet: &Internet, families: Families) -> Result<(), LabError> {
    let has = |address: &IpAddr| match families {
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    };
    for gateway in HOME.both().into_iter().filter(has) {
        echo(&internet.client, gateway).await?;
    }
    let far = CORE_WAN.both().into_iter().map(|address| (&internet.home, address));
    let places = WEB.into_iter().chain([RESOLVER]).flat_map(|place| place.both());
    for (host, address) in far.chain(places.map(|address| (&internet.core, address))) {
        echo(host, address).await?;
    }
    Ok(())
}

async fn echo(host: &Host, to: IpAddr) -> Result<(), LabError> {
    let failed =
        |why: &dyn std::fmt::Display| LabError::Silent { host: host.name().into(), to, why: why.to_string() };
    let socket = host.icmp_open(Family::of(to)).map_err(|error| failed(&error))?;
    socket.send_echo(to, 1, &[], None).map_err(|error| failed(&error))?;
    match host.timeout(Duration::from_secs(5), Box::pin(socket.recv())).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}
