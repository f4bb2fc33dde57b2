//! What a lab is made by.

use std::time::Duration;

use fathom_impair::Conditions;

/// What a lab is made by.
#[derive(Clone, Debug)]
pub struct LabConfig {
    /// Everything left to chance follows from it: the same seed gives the same run.
    pub seed: u64,
    /// The client's access link, towards the network. Comes on top of the 20 ms of the wide-area link.
    pub up: Conditions,
    /// The client's access link, towards the client.
    pub down: Conditions,
    /// The world's time of day when the lab begins, since the Unix epoch. Certificates are made for it.
    pub wall_clock: Duration,
    /// Which addresses the client has.
    pub families: Families,
}

/// Which addresses the client has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Families {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl LabConfig {
    /// When labs begin unless told otherwise: 1 January 2026, 12:00 UTC.
    pub const WALL_CLOCK: Duration = Duration::from_secs(1_767_268_800);
}

impl Default for LabConfig {
    fn default() -> Self {
        LabConfig {
            seed: 1,
            up: Conditions::default(),
            down: Conditions::default(),
            wall_clock: LabConfig::WALL_CLOCK,
            families: Families::Both,
        }
    }
}
