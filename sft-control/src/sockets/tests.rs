//! Over the loopback interface.

use std::{io, net::SocketAddr};

use socket2::SockRef;

use super::{AddressError, BATCH, MediaSockets, ReceiveBatch, SendBatch, SendReport};
use crate::dataplane::{Tuple, user::Outbox};

fn bind(addresses: &[&str]) -> io::Result<MediaSockets> {
    let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    MediaSockets::bind(&addresses)
}

fn local(sockets: &MediaSockets, number: usize) -> SocketAddr {
    sockets.get(number).unwrap().local()
}

/// What has arrived, in batches; over loopback it has when it was sent.
fn receive(sockets: &MediaSockets, number: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut batch = ReceiveBatch::default();
    let mut all = Vec::new();
    while let Ok(count) = sockets.get(number).unwrap().receive(&mut batch) {
        let before = all.len();
        all.extend(batch.iter_mut().map(|(remote, bytes)| (remote, bytes.to_vec())));
        assert_eq!(all.len() - before, count);
    }
    all
}

#[test]
fn datagrams_arrive_whole_and_in_order_with_their_address() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (here, there) = (bind(&[address]).unwrap(), bind(&[address]).unwrap());
        let tuple = Tuple { local: local(&here, 0), remote: local(&there, 0) };
        let mut batch = SendBatch::default();
        let datagrams: Vec<Vec<u8>> = (0..3 * BATCH).map(|n| vec![n as u8; n * 7]).collect();
        for round in 0..2 {
            datagrams.iter().for_each(|datagram| batch.push(tuple, datagram));
            let report = batch.flush(&here, |_, _| false);
            assert_eq!(report, SendReport { sent: datagrams.len(), ..SendReport::default() });
            let received = receive(&there, 0);
            assert!(received.iter().all(|(remote, _)| *remote == tuple.local));
            let received: Vec<_> = received.into_iter().map(|(_, bytes)| bytes).collect();
            assert_eq!(received, datagrams, "round {round}");
        }
        assert_eq!(batch.flush(&here, |_, _| false), SendReport::default());
    }
}

/// As a video frame makes them: many of one length, then a shorter one.
#[test]
fn what_goes_together_arrives_one_by_one() {
    let here = bind(&["127.0.0.1:0"]).unwrap();
    let receivers = [bind(&["127.0.0.1:0"]).unwrap(), bind(&["127.0.0.1:0"]).unwrap()];
    let lengths = [vec![1200; 100], vec![300], vec![1200; 5], vec![0, 7, 7, 8, 2048]].concat();
    let datagrams: Vec<Vec<u8>> =
        lengths.iter().enumerate().map(|(n, length)| vec![n as u8; *length]).collect();
    let mut batch = SendBatch::default();
    for datagram in &datagrams {
        for receiver in &receivers {
            batch.push(Tuple { local: local(&here, 0), remote: local(receiver, 0) }, datagram);
        }
    }
    assert_eq!(
        batch.flush(&here, |_, _| false),
        SendReport { sent: 2 * datagrams.len(), ..SendReport::default() }
    );
    for receiver in &receivers {
        let received: Vec<_> = receive(receiver, 0).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(received, datagrams);
    }
}

/// Without checksums the kernel refuses to cut.
#[test]
fn what_the_kernel_does_not_cut_goes_one_by_one() {
    let (here, there) = (bind(&["127.0.0.1:0"]).unwrap(), bind(&["127.0.0.1:0"]).unwrap());
    let tuple = Tuple { local: local(&here, 0), remote: local(&there, 0) };
    let mut batch = SendBatch::default();
    let without: libc::c_int = 1;
    let socket = here.get(0).unwrap();
    // SAFETY: the descriptor is open, and the option takes an integer that lives through the call.
    let set = unsafe {
        let (value, length) = ((&raw const without).cast(), size_of_val(&without) as libc::socklen_t);
        libc::setsockopt(
            std::os::fd::AsRawFd::as_raw_fd(socket),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            value,
            length,
        )
    };
    assert_eq!(set, 0);
    for _ in 0..2 {
        for n in 0..10 {
            batch.push(tuple, &[n; 100]);
        }
        assert_eq!(batch.flush(&here, |_, _| false), SendReport { sent: 10, ..SendReport::default() });
        let received: Vec<_> = receive(&there, 0).into_iter().map(|(_, bytes)| bytes[0]).collect();
        assert_eq!(received, (0..10).collect::<Vec<u8>>());
    }
}

#[test]
fn every_local_address_sends_from_its_own_socket() {
    let here = bind(&["127.0.0.1:0", "127.0.0.2:0"]).unwrap();
    let there = bind(&["127.0.0.1:0"]).unwrap();
    let mut batch = SendBatch::default();
    for n in 0..6 {
        let tuple = Tuple { local: local(&here, n % 2), remote: local(&there, 0) };
        batch.push(tuple, &[n as u8]);
    }
    assert_eq!(batch.flush(&here, |_, _| false).sent, 6);
    let received = receive(&there, 0);
    assert_eq!(received.len(), 6);
    for (remote, bytes) in received {
        assert_eq!(remote, local(&here, usize::from(bytes[0]) % 2));
    }
}

#[test]
fn port_0_means_the_port_of_the_first() {
    let sockets = bind(&["127.0.0.1:0", "127.0.0.3:0"]).unwrap();
    assert_ne!(local(&sockets, 0).port(), 0);
    assert_eq!(local(&sockets, 0).port(), local(&sockets, 1).port());
    assert_eq!(sockets.iter().count(), 2);
    assert!(sockets.get(2).is_none());
}

#[test]
fn addresses_that_name_no_interface_are_refused() {
    let refusal = |addresses: &[&str]| {
        let error = bind(addresses).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        *error.get_ref().unwrap().downcast_ref::<AddressError>().unwrap()
    };
    for wildcard in ["0.0.0.0:4000", "[::]:4000"] {
        assert_eq!(refusal(&["127.0.0.1:0", wildcard]), AddressError::Wildcard(wildcard.parse().unwrap()));
    }
    assert_eq!(refusal(&[]), AddressError::Missing);
}

#[test]
fn an_address_in_use_is_refused_by_name() {
    let first = bind(&["127.0.0.1:0"]).unwrap();
    let address = local(&first, 0);
    let error = MediaSockets::bind(&[address]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn what_cannot_go_is_counted_and_stops_nothing() {
    let sockets = bind(&["127.0.0.1:0"]).unwrap();
    let own = local(&sockets, 0);
    let to = |remote: &str| Tuple { local: own, remote: remote.parse().unwrap() };
    let mut batch = SendBatch::default();
    batch.push(to("255.255.255.255:9"), b"broadcast is not allowed");
    batch.push(Tuple { local: own, remote: own }, &[0; 65_508]);
    batch.push(Tuple { local: own, remote: own }, b"fine");
    batch.push(Tuple { local: "192.0.2.1:9".parse().unwrap(), remote: own }, b"no such socket");
    assert_eq!(batch.flush(&sockets, |_, _| false), SendReport { sent: 1, full: 0, refused: 3 });
    assert_eq!(receive(&sockets, 0), [(own, b"fine".to_vec())]);
}

#[test]
fn nothing_to_receive_would_block() {
    let sockets = bind(&["127.0.0.1:0"]).unwrap();
    let error = sockets.get(0).unwrap().receive(&mut ReceiveBatch::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_longer_datagram_is_cut_and_the_next_is_whole() {
    let sockets = bind(&["127.0.0.1:0"]).unwrap();
    let own = Tuple { local: local(&sockets, 0), remote: local(&sockets, 0) };
    let mut batch = SendBatch::default();
    batch.push(own, &[1; 5000]);
    batch.push(own, &[2; 10]);
    batch.flush(&sockets, |_, _| false);
    let received: Vec<_> = receive(&sockets, 0).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(received, [vec![1; 2048], vec![2; 10]]);
}

#[test]
fn buffers_are_enlarged() {
    let sockets = bind(&["127.0.0.1:0"]).unwrap();
    let plain = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let ours = SockRef::from(sockets.get(0).unwrap());
    assert!(ours.recv_buffer_size().unwrap() >= SockRef::from(&plain).recv_buffer_size().unwrap());
    assert!(ours.send_buffer_size().unwrap() >= SockRef::from(&plain).send_buffer_size().unwrap());
}
