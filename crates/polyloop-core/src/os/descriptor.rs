//! What is asked of the system about a descriptor: whether it blocks, and whether it is
//! ready.

use std::io;
use std::os::fd::BorrowedFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::interest::Interest;

/// Whether reads and writes block.
pub(super) fn blocks(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(!flags(descriptor)?.contains(OFlag::O_NONBLOCK))
}

/// Makes reads and writes block, or not.
pub(super) fn set_blocks(descriptor: BorrowedFd<'_>, blocks: bool) -> io::Result<()> {
    let mut flags = flags(descriptor)?;
    flags.set(OFlag::O_NONBLOCK, !blocks);
    fcntl(descriptor, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

fn flags(descriptor: BorrowedFd<'_>) -> io::Result<OFlag> {
    Ok(OFlag::from_bits_retain(fcntl(
        descriptor,
        FcntlArg::F_GETFL,
    )?))
}

/// Looks whether the descriptor is ready now; `WouldBlock` if not.
pub(crate) fn look(descriptor: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
    let events = match interest {
        Interest::Readable => PollFlags::POLLIN,
        Interest::Writable => PollFlags::POLLOUT,
    };
    let mut asked = [PollFd::new(descriptor, events)];
    if poll(&mut asked, PollTimeout::ZERO)? == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    match asked[0].revents() {
        Some(told) if told.contains(PollFlags::POLLNVAL) => {
            Err(io::Error::from_raw_os_error(libc::EBADF))
        }
        // An error or a hang-up is for the operation to tell.
        _ => Ok(()),
    }
}
