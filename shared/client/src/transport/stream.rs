//! A stream to a TURN server, over TCP or TLS: whole units in, whole units out (RFC 8656
//! section 12.5).
//!
//! One task owns the socket. The TURN library's own reader of streams does not know the padding of
//! channel data, so units are cut out here and given to it as datagrams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use vrs_domain::limit::HANDSHAKE_TIMEOUT;

use super::ice_servers::{Carrier, Place};

/// Units that may wait to be sent; more media than that is late anyway and dropped.
const OUTBOX_UNITS_MAX: usize = 256;
/// Largest unit, in bytes: media stays below 1,500.
const UNIT_BYTES_MAX: usize = 2048;
/// Read at once, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// Header of a STUN message and of channel data, in bytes.
const STUN_HEADER_BYTES: usize = 20;
const CHANNEL_HEADER_BYTES: usize = 4;

/// What a task on the way to a TURN server tells; `u64` is which way.
#[derive(Debug)]
pub(crate) enum WayEvent {
    /// The name of a server for datagrams is this address.
    Found(SocketAddr),
    /// A stream is open.
    Open {
        /// Our end.
        local: SocketAddr,
        /// The server's.
        server: SocketAddr,
        /// Takes whole units.
        outbox: Sender<Vec<u8>>,
    },
    /// One unit came.
    Unit(Vec<u8>),
    /// It is gone, or never was there.
    Closed,
}

/// Looks a server's name up behind our back; `ipv4` says which addresses are of use.
pub(crate) fn look_up(number: u64, place: Place, ipv4: bool, events: Sender<(u64, WayEvent)>) {
    tokio::spawn(async move {
        let found = tokio::net::lookup_host((place.host.as_str(), place.port));
        let found = timeout(HANDSHAKE_TIMEOUT, found).await;
        let found = found.ok().and_then(Result::ok);
        let found = found.and_then(|mut all| all.find(|address| address.is_ipv4() == ipv4));
        let event = found.map_or(WayEvent::Closed, WayEvent::Found);
        // The network that asked may be gone.
        drop(events.send((number, event)).await);
    });
}

/// Opens a stream behind our back; what comes of it goes to `events` under `number`. It ends when
/// nobody holds its outbox any more, after what is waiting was sent.
pub(crate) fn open(
    number: u64,
    place: Place,
    carrier: Carrier,
    tls: Arc<ClientConfig>,
    events: Sender<(u64, WayEvent)>,
) {
    tokio::spawn(async move {
        let opening = timeout(HANDSHAKE_TIMEOUT, connect(&place, carrier, tls)).await;
        match opening {
            Ok(Ok((stream, local, server))) => {
                let (outbox, to_send) = channel(OUTBOX_UNITS_MAX);
                let open = WayEvent::Open {
                    local,
                    server,
                    outbox,
                };
                if events.send((number, open)).await.is_ok() {
                    carry(number, stream, to_send, &events).await;
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, ?carrier, "no stream to the TURN server"),
            Err(_) => tracing::debug!(?carrier, "the TURN server does not answer"),
        }
        // The network that asked may be gone.
        drop(events.send((number, WayEvent::Closed)).await);
    });
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn connect(
    place: &Place,
    carrier: Carrier,
    tls: Arc<ClientConfig>,
) -> io::Result<(Box<dyn Stream>, SocketAddr, SocketAddr)> {
    let tcp = TcpStream::connect((place.host.as_str(), place.port)).await?;
    tcp.set_nodelay(true)?;
    let (local, server) = (tcp.local_addr()?, tcp.peer_addr()?);
    let stream: Box<dyn Stream> = if carrier == Carrier::Tls {
        let name = ServerName::try_from(place.host.clone()).map_err(io::Error::other)?;
        Box::new(TlsConnector::from(tls).connect(name, tcp).await?)
    } else {
        Box::new(tcp)
    };
    Ok((stream, local, server))
}

async fn carry(
    number: u64,
    mut stream: Box<dyn Stream>,
    mut to_send: Receiver<Vec<u8>>,
    events: &Sender<(u64, WayEvent)>,
) {
    let mut read = vec![0; READ_BYTES];
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            unit = to_send.recv() => {
                let Some(mut unit) = unit else {
                    // The server may be gone already; closing is a courtesy.
                    drop(stream.shutdown().await);
                    return;
                };
                unit.resize(unit.len().next_multiple_of(4), 0);
                let written = stream.write_all(&unit).await;
                if written.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            length = stream.read(&mut read) => {
                let Ok(length @ 1..) = length else { return };
                waiting.extend_from_slice(&read[..length]);
                loop {
                    match next_unit(&mut waiting) {
                        Ok(Some(unit)) => {
                            let told = events.send((number, WayEvent::Unit(unit))).await;
                            if told.is_err() {
                                return;
                            }
                        }
                        Ok(None) => break,
                        Err(NoUnit) => return,
                    }
                }
            }
        }
    }
}

/// What came is no unit; where the next one begins cannot be known.
#[derive(Debug, PartialEq, Eq)]
struct NoUnit;

/// Cuts the first whole unit off, without its padding.
fn next_unit(waiting: &mut Vec<u8>) -> Result<Option<Vec<u8>>, NoUnit> {
    let Some(&[first, _, high, low]) = waiting.first_chunk() else {
        return Ok(None);
    };
    let said = usize::from(u16::from_be_bytes([high, low]));
    let length = match first {
        0..=3 => STUN_HEADER_BYTES + said,
        0x40..=0x4f => CHANNEL_HEADER_BYTES + said,
        _ => return Err(NoUnit),
    };
    if length > UNIT_BYTES_MAX {
        return Err(NoUnit);
    }
    let padded = length.next_multiple_of(4);
    if waiting.len() < padded {
        return Ok(None);
    }
    let mut unit: Vec<u8> = waiting.drain(..padded).collect();
    unit.truncate(length);
    Ok(Some(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_cut_out_whatever_pieces_they_come_in() {
        let mut binding = vec![0x01, 0x01, 0, 8];
        binding.extend([7; STUN_HEADER_BYTES + 8 - 4]);
        let data = [0x40, 0x00, 0, 5, 1, 2, 3, 4, 5];
        let mut stream = binding.clone();
        stream.extend(data);
        stream.extend([0; 3]);
        stream.extend(&binding);
        for piece in 1..stream.len() {
            let (mut waiting, mut units) = (Vec::new(), Vec::new());
            for part in stream.chunks(piece) {
                waiting.extend_from_slice(part);
                while let Some(unit) = next_unit(&mut waiting).unwrap() {
                    units.push(unit);
                }
            }
            let whole = [binding.clone(), data.to_vec(), binding.clone()];
            assert_eq!(units, whole, "{piece}");
            assert!(waiting.is_empty());
        }
    }

    #[test]
    fn what_is_no_unit_or_too_large_ends_the_stream() {
        for bad in [[0x80, 0, 0, 0], [0x16, 3, 1, 0], [0x40, 0, 0xff, 0xff]] {
            assert_eq!(next_unit(&mut bad.to_vec()), Err(NoUnit));
        }
    }
}
