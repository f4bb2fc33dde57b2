//! A switch: learns which station is behind which port (IEEE 802.1D 7.8).

use std::collections::HashMap;
use std::time::Duration;

use fathom_wire::{EthernetAddress, EthernetHeader, Instant};

/// How long a station is remembered without a frame from it (IEEE 802.1D 7.9.2).
const AGEING: Duration = Duration::from_secs(300);
/// How often a full switch looks for stations to forget.
const SWEEP: Duration = Duration::from_secs(1);
/// Most stations remembered; frames for others go to all ports.
const STATIONS: usize = 8192;

/// Names a switch of a world.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SwitchId(pub(crate) usize);

#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) name: String,
    /// For each port the direction of its link that leads away.
    pub(crate) ports: Vec<usize>,
    stations: HashMap<EthernetAddress, Station>,
    /// When stations that were silent for long were last looked for.
    swept: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Station {
    port: usize,
    seen: Instant,
}

impl Switch {
    pub(crate) fn new(name: String) -> Self {
        Switch { name, ports: Vec::new(), stations: HashMap::new(), swept: Instant::ZERO }
    }

    /// The ports by which a frame that came in at `port` leaves.
    pub(crate) fn forward(&mut self, now: Instant, port: usize, frame: &[u8]) -> Vec<usize> {
        let Ok(header) = EthernetHeader::parse(frame) else {
            return Vec::new();
        };
        self.learn(now, header.source, port);
        let known = self.stations.get(&header.destination).filter(|station| now - station.seen <= AGEING);
        match known {
            Some(station) if station.port == port => Vec::new(),
            Some(station) => vec![station.port],
            None => (0..self.ports.len()).filter(|&other| other != port).collect(),
        }
    }

    fn learn(&mut self, now: Instant, source: EthernetAddress, port: usize) {
        if !source.is_unicast() {
            return;
        }
        if self.stations.len() >= STATIONS && now - self.swept >= SWEEP {
            self.swept = now;
            self.stations.retain(|_, station| now - station.seen <= AGEING);
        }
        if self.stations.len() < STATIONS || self.stations.contains_key(&source) {
            self.stations.insert(source, Station { port, seen: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_wire::EtherType;

    const A: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
    const B: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

    fn frame(source: EthernetAddress, destination: EthernetAddress) -> Vec<u8> {
        let header = EthernetHeader { destination, source, vlan: None, ether_type: EtherType::Ipv4 };
        let mut bytes = vec![0; header.header_len()];
        header.emit(&mut bytes);
        bytes
    }

    fn switch() -> Switch {
        let mut switch = Switch::new("s".to_owned());
        switch.ports = vec![0, 0, 0];
        switch
    }

    #[test]
    fn a_station_is_found_once_it_was_heard() {
        let mut switch = switch();
        let now = Instant::ZERO;
        assert_eq!(switch.forward(now, 0, &frame(A, B)), [1, 2]);
        assert_eq!(switch.forward(now, 1, &frame(B, A)), [0]);
        assert_eq!(switch.forward(now, 0, &frame(A, B)), [1]);
        assert_eq!(switch.forward(now, 1, &frame(A, B)), [0; 0], "on its own port");
    }

    #[test]
    fn broadcasts_go_everywhere_else() {
        let mut switch = switch();
        assert_eq!(switch.forward(Instant::ZERO, 2, &frame(A, EthernetAddress::BROADCAST)), [0, 1]);
    }

    #[test]
    fn a_silent_station_is_forgotten() {
        let mut switch = switch();
        switch.forward(Instant::ZERO, 1, &frame(B, A));
        let later = Instant::ZERO + AGEING + Duration::from_nanos(1);
        assert_eq!(switch.forward(later, 0, &frame(A, B)), [1, 2]);
    }

    #[test]
    fn addresses_without_number_do_not_fill_the_memory() {
        let mut switch = switch();
        for number in 0..2 * STATIONS as u32 {
            let [a, b, c, d] = number.to_be_bytes();
            switch.forward(Instant::ZERO, 0, &frame(EthernetAddress([2, 0, a, b, c, d]), B));
        }
        assert_eq!(switch.stations.len(), STATIONS);
    }
}
