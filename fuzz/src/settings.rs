//! Settings of a kernel, in Linux's names.

use fathom_linux::{Kernel, Settings};

/// What is taken makes a kernel, unless that says why not.
pub(crate) fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<Settings>() {
        Ok(settings) => {
            if let Err(error) = Kernel::new(&settings) {
                assert!(!error.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
