//! A leg's UDP socket, with a buffer that holds what arrives while other legs have the processor, and a count
//! of what did not fit.

use std::{io, mem, net::IpAddr, os::fd::AsRawFd};

use tokio::net::UdpSocket;

/// About a second of nine videos.
const BUFFER: libc::c_int = 4 << 20;
/// Index of the drops among the numbers of `SO_MEMINFO` (`SK_MEMINFO_DROPS` in `linux/sock_diag.h`).
const DROPS: usize = 8;
/// Numbers of `SO_MEMINFO` (`SK_MEMINFO_VARS`).
const NUMBERS: usize = 9;

/// A socket on a port of the kernel's choice.
pub(crate) async fn bind(address: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((address, 0)).await?;
    // Beyond the system's limit only with CAP_NET_ADMIN; otherwise as far as the limit goes.
    if set_option(&socket, libc::SO_RCVBUFFORCE, BUFFER).is_err() {
        set_option(&socket, libc::SO_RCVBUF, BUFFER)?;
    }
    Ok(socket)
}

/// Datagrams that the kernel dropped because the receive buffer was full.
pub(crate) fn drops(socket: &UdpSocket) -> io::Result<u64> {
    let mut numbers = [0u32; NUMBERS];
    let mut length = mem::size_of_val(&numbers) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which `numbers` has, and the descriptor is open.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            numbers.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if result == 0 { Ok(u64::from(numbers[DROPS])) } else { Err(io::Error::last_os_error()) }
}

fn set_option(socket: &UdpSocket, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is a `c_int` that outlives the call, its size is given, and the descriptor is open.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const value).cast(),
            mem::size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_counted() {
        let receiver = bind("127.0.0.1".parse().unwrap()).await.unwrap();
        let sender = bind("127.0.0.1".parse().unwrap()).await.unwrap();
        assert_eq!(drops(&receiver).unwrap(), 0);
        set_option(&receiver, libc::SO_RCVBUF, 1).unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1000], receiver.local_addr().unwrap()).await.unwrap();
        }
        assert!(drops(&receiver).unwrap() > 0);
    }
}
