//! The 802.1Q tag (IEEE 802.1Q 9.6), which names the virtual LAN that a frame belongs to.

use crate::header::header;

header! {
    /// What follows the EtherType 0x8100: the tag, and the EtherType of the payload.
    pub struct VlanFixed: "802.1Q tag", 4 bytes {
        /// Priority code point, 0 to 7; 1 is the lowest, 0 best effort.
        priority: u8 = 0..3, "IEEE 802.1Q 9.6";
        /// Whether the frame may be dropped first under congestion.
        drop_eligible: bool = 3..4, "IEEE 802.1Q 9.6";
        /// VLAN identifier; 0 means "priority only, no VLAN", 4095 is reserved.
        id: u16 = 4..16, "IEEE 802.1Q 9.6";
        /// What the payload is.
        ether_type: u16 = 16..32, "IEEE 802.3 3.2.6";
    }
}

/// The tag of a frame in a virtual LAN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct VlanTag {
    /// Priority code point, 0 to 7.
    pub priority: u8,
    /// Whether the frame may be dropped first under congestion.
    pub drop_eligible: bool,
    /// VLAN identifier, 12 bits; 0 means "priority only, no VLAN".
    pub id: u16,
}
