//! The floor: a bare loop of receive, AES-GCM open, AES-GCM seal, send, in a process of its own;
//! and the ends that load it.
//!
//! It does what no relay can leave out, in the same batches as ours, and nothing else: no replay
//! window, no statistics, no rewriting, no timers. Every end uses the same key, so that nothing has
//! to be agreed; each receiver has a packet sealed for itself all the same.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, IoSliceMut, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use relay_server::udp::Together;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use tokio::io::Interest;

use super::Outcome;
use super::daemon::Daemon;
use super::load::End;
use super::plain::PlainEnd;

const KEY: [u8; 16] = [7; 16];
const HEADER_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// One datagram, or several that the kernel joined.
const BUFFER_BYTES: usize = 65_536;

fn key() -> Outcome<LessSafeKey> {
    let key = UnboundKey::new(&AES_128_GCM, &KEY).map_err(|_| "no AES-GCM")?;
    Ok(LessSafeKey::new(key))
}

/// Header and nonce of a packet, as in RFC 7714 section 8.1 without salt and rollover counter.
fn nonce(header: &[u8]) -> Nonce {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&header[8..12]);
    nonce[10..].copy_from_slice(&header[2..4]);
    Nonce::assume_unique_for_key(nonce)
}

/// The child's side: `from to` lines on its standard input, then what arrives is passed on.
pub(crate) fn serve() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", socket.local_addr()?);
    let mut ways: HashMap<SocketAddr, Vec<SocketAddr>> = HashMap::new();
    for line in io::stdin().lines() {
        let line = line?;
        let Some((from, to)) = line.split_once(' ') else {
            break;
        };
        ways.entry(from.parse()?).or_default().push(to.parse()?);
    }
    let key = key()?;
    runtime.block_on(async {
        let state = UdpSocketState::new((&socket).into())?;
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let mut memory = vec![0_u8; BATCH_SIZE * BUFFER_BYTES];
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let (mut copies, mut copied) = (Vec::new(), Vec::new());
        loop {
            socket.readable().await?;
            let received = {
                let mut chunks: Vec<_> = memory
                    .chunks_mut(BUFFER_BYTES)
                    .map(IoSliceMut::new)
                    .collect();
                let read = || state.recv((&socket).into(), &mut chunks, &mut metas);
                match socket.try_io(Interest::READABLE, read) {
                    Ok(received) => received,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error.into()),
                }
            };
            let mut together = Together::default();
            copies.clear();
            copied.clear();
            for (meta, buffer) in metas
                .iter()
                .zip(memory.chunks_mut(BUFFER_BYTES))
                .take(received)
            {
                let Some((last, others)) = ways.get(&meta.addr).and_then(|to| to.split_last())
                else {
                    continue;
                };
                for packet in buffer[..meta.len].chunks_mut(meta.stride) {
                    if !open(&key, packet) {
                        continue;
                    }
                    for other in others {
                        let begin = copies.len();
                        copies.extend_from_slice(packet);
                        seal(&key, &mut copies[begin..]);
                        copied.push((*other, begin..copies.len()));
                    }
                    seal(&key, packet);
                    together.push(&socket, *last, packet);
                }
            }
            for (other, range) in &copied {
                together.push(&socket, *other, &copies[range.clone()]);
            }
            // A full buffer shows as loss.
            let _dropped = together.end(&socket);
        }
    })
}

/// Opens a packet in its place; where the tag was there is nothing of worth then.
fn open(key: &LessSafeKey, packet: &mut [u8]) -> bool {
    if packet.len() < HEADER_BYTES + TAG_BYTES {
        return false;
    }
    let (header, body) = packet.split_at_mut(HEADER_BYTES);
    let opened = key.open_in_place(nonce(header), Aad::from(&*header), body);
    opened.is_ok()
}

/// Seals an opened packet again, as if for somebody else.
fn seal(key: &LessSafeKey, packet: &mut [u8]) {
    let (header, body) = packet.split_at_mut(HEADER_BYTES);
    let (plain, tag) = body.split_at_mut(body.len() - TAG_BYTES);
    // Without a fresh tag it shows as loss.
    if let Ok(fresh) = key.seal_in_place_separate_tag(nonce(header), Aad::from(&*header), plain) {
        tag.copy_from_slice(fresh.as_ref());
    }
}

/// The parent's side: the loop and its ends, one that sends and some that receive for each
/// session.
pub(crate) fn start(
    sessions: usize,
    receivers: usize,
    bytes: usize,
) -> Outcome<(Daemon, Vec<Box<dyn End>>)> {
    let (daemon, mut input, output) = Daemon::own(&["bare"])?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let server: SocketAddr = line.trim().parse()?;
    let packet = sealed(bytes)?;
    let mut ends: Vec<Box<dyn End>> = Vec::new();
    for _ in 0..sessions {
        let from = PlainEnd::repeating(server, packet.clone())?;
        let source = from.address()?;
        ends.push(Box::new(from));
        for _ in 0..receivers {
            let to = PlainEnd::repeating(server, packet.clone())?;
            writeln!(input, "{source} {}", to.address()?)?;
            ends.push(Box::new(to));
        }
    }
    Ok((daemon, ends))
}

fn sealed(bytes: usize) -> Outcome<Vec<u8>> {
    let mut packet = vec![7_u8; bytes.max(HEADER_BYTES + TAG_BYTES)];
    packet[0] = 0x80;
    seal(&key()?, &mut packet);
    Ok(packet)
}
