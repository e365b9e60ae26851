//! [`OwnFile`]: the file of a listening socket, which goes with it.

use super::{SocketFile, Unix};

/// The file that a listening socket was bound to. Dropping it removes the file, if it is
/// still that one and nobody has put another in its place (UNIX-03).
///
/// It goes before its socket: as long as that is open the system gives the file's number to
/// no other, and no server that looks finds a file that nobody listens on.
pub(in crate::net) struct OwnFile<L: Unix> {
    pub(super) lp: L,
    pub(super) file: SocketFile,
}

impl<L: Unix> Drop for OwnFile<L> {
    fn drop(&mut self) {
        let found = self.lp.socket_file(&self.file.path);
        if found.is_ok_and(|found| found == self.file) {
            // If it can't be, the next server finds it, and knows it for what it is.
            let _ = self.lp.remove_socket_file(&self.file.path);
        }
    }
}
