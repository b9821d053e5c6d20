//! TCP and TLS: each connection has a task that cuts what comes into units for the thread of the
//! data, and writes what the thread has for it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use vrs_domain::limit;

use super::framing::{Framer, UNIT_BYTES_MAX, UNIT_BYTES_STRANGER_MAX};
use super::machine::{Client, Transport};
use super::thread::{Doorbell, Input};
use super::ways::StreamId;
use crate::edge::limits::Places;

/// Units that may wait to be written to one stream; further ones are dropped.
const STREAM_UNITS_MAX: usize = 256;
/// Units that are written at once.
const UNITS_AT_ONCE: usize = 32;
/// A stream without a byte for this long is closed; clients refresh more often.
const STREAM_IDLE: Duration = Duration::from_secs(900);
/// A stream must have sent its first whole unit within this time, and take what is written to it.
const STREAM_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that one read brings.
const READ_BYTES: usize = 16 * 1024;
/// When no connection can be accepted, others may close some first (R30).
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What all streams share.
pub(super) struct Streams {
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) doorbell: Arc<Doorbell>,
    /// How many stand, from each address and in all (A20).
    pub(super) places: Places,
    pub(super) next: AtomicU64,
    pub(super) shutdown: CancellationToken,
}

impl Streams {
    /// Accepts connections until the shutdown; with an acceptor, they begin with TLS.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.admit(stream, address, tls.clone()),
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
        let Ok(permit) = self.places.admit(address.ip()) else {
            metrics::counter!("visavis_turn_streams_refused_total").increment(1);
            return;
        };
        let streams = Arc::clone(self);
        tokio::spawn(async move {
            let served = tokio::select! {
                () = streams.shutdown.cancelled() => Ok(()),
                served = streams.shake_hands(stream, address, tls) => served,
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a TURN stream ended");
            }
            drop(permit);
        });
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        match tls {
            None => self.carry(stream, Transport::Tcp, address).await,
            Some(tls) => {
                let stream = timeout(limit::HANDSHAKE_TIMEOUT, tls.accept(stream)).await??;
                self.carry(stream, Transport::Tls, address).await
            }
        }
        Ok(())
    }

    async fn carry<S: AsyncRead + AsyncWrite>(
        &self,
        stream: S,
        transport: Transport,
        address: SocketAddr,
    ) {
        let client = Client { transport, address };
        let stream_id = StreamId(self.next.fetch_add(1, Ordering::Relaxed));
        let (units, outgoing) = mpsc::channel(STREAM_UNITS_MAX);
        let known = Arc::new(AtomicBool::new(false));
        self.tell(Input::Opened {
            client,
            stream: stream_id,
            outgoing: units,
            known: Arc::clone(&known),
        })
        .await;
        let (read, write) = tokio::io::split(stream);
        tokio::select! {
            () = self.read(client, read, &known) => {}
            () = send(write, outgoing, transport) => {}
        }
        // The machine must hear of it even when it is busy, or the allocation stays.
        self.tell(Input::Gone {
            client,
            stream: stream_id,
        })
        .await;
    }

    /// A stream waits, which slows its sender down; it must not lose a unit.
    async fn tell(&self, input: Input) {
        if self.inputs.send(input).await.is_err() {
            tracing::trace!("the TURN server has stopped");
        }
        self.doorbell.ring();
    }

    async fn read(&self, client: Client, mut stream: impl AsyncRead + Unpin, known: &AtomicBool) {
        let mut framer = Framer::default();
        let mut deadline = Instant::now() + STREAM_PATIENCE;
        loop {
            framer.bytes.reserve(READ_BYTES);
            let read = timeout_at(deadline, stream.read_buf(&mut framer.bytes)).await;
            let Ok(Ok(1..)) = read else {
                return;
            };
            loop {
                let unit_bytes_max = if known.load(Ordering::Relaxed) {
                    UNIT_BYTES_MAX
                } else {
                    UNIT_BYTES_STRANGER_MAX
                };
                match framer.next(unit_bytes_max) {
                    Ok(Some(bytes)) => {
                        deadline = Instant::now() + STREAM_IDLE;
                        self.tell(Input::Unit { client, bytes }).await;
                    }
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
    }
}

/// Writes what comes until the stream or its queue ends.
async fn send(
    mut stream: impl AsyncWrite + Unpin,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    transport: Transport,
) {
    let mut units = Vec::with_capacity(UNITS_AT_ONCE);
    while outgoing.recv_many(&mut units, UNITS_AT_ONCE).await > 0 {
        if transport != Transport::Tls {
            units = vec![units.concat()];
        }
        let written = timeout(STREAM_PATIENCE, async {
            // With TLS each unit has a record of its own: some clients, coturn's among them, take
            // what they read at once for one unit.
            for unit in units.drain(..) {
                stream.write_all(&unit).await?;
            }
            stream.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            return;
        }
    }
}
