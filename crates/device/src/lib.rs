//! Where frames leave and enter the machine.
