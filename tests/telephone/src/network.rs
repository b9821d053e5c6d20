//! Sockets: datagrams and streams become inputs of the one loop, its messages become bytes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use vrs_domain::limit::SIP_MESSAGE_BYTES_MAX;
use vrs_sip::{CallHandle, FlowId, FlowKind, Framed, StreamFramer, framer};

/// Peers that are remembered; more are not listened to.
const FLOWS_MAX: usize = 64;
/// Messages that may wait to be written to one stream.
const OUTBOX_MESSAGES_MAX: usize = 64;
/// Largest RTP datagram, in bytes.
const RTP_BYTES_MAX: usize = 2048;

/// Everything that can happen to the telephone from outside.
#[derive(Debug)]
pub(crate) enum Input {
    /// A peer connected, or a first datagram came from it.
    Opened {
        flow: FlowId,
        kind: FlowKind,
        outbox: Outbox,
        /// Whom datagrams go to; a stream's other end calls us.
        peer: Option<SocketAddr>,
    },
    /// One SIP message.
    Received { flow: FlowId, bytes: Vec<u8> },
    /// A stream ended.
    Closed { flow: FlowId },
    /// One RTP datagram of a call.
    Sound {
        call: CallHandle,
        source: SocketAddr,
        bytes: Vec<u8>,
    },
}

/// How messages get back to a peer.
#[derive(Debug, Clone)]
pub(crate) enum Outbox {
    /// Over the shared datagram socket.
    Datagram(Arc<UdpSocket>, SocketAddr),
    /// Over a stream's writer.
    Stream(mpsc::Sender<Vec<u8>>),
}

impl Outbox {
    /// Sends one message; what cannot be sent now is lost, as on any network.
    pub(crate) fn send(&self, bytes: Vec<u8>) {
        match self {
            Self::Datagram(socket, peer) => drop(socket.try_send_to(&bytes, *peer)),
            Self::Stream(sender) => drop(sender.try_send(bytes)),
        }
    }
}

/// Reads datagrams; each new address, of a sender or of somebody we want to call, is a flow of
/// its own.
pub(crate) async fn read_datagrams(
    socket: Arc<UdpSocket>,
    inputs: mpsc::Sender<Input>,
    mut wanted: mpsc::Receiver<SocketAddr>,
) {
    let mut flows: HashMap<SocketAddr, FlowId> = HashMap::new();
    let mut buffer = vec![0; SIP_MESSAGE_BYTES_MAX];
    loop {
        let (length, peer) = tokio::select! {
            Some(peer) = wanted.recv() => (0, peer),
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // ICMP errors of earlier sends come up here and concern one peer only.
                Err(_) => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                }
            },
        };
        if !flows.contains_key(&peer) && flows.len() >= FLOWS_MAX {
            continue;
        }
        let next = FlowId(flows.len() as u64);
        let flow = *flows.entry(peer).or_insert(next);
        if flow == next {
            let outbox = Outbox::Datagram(Arc::clone(&socket), peer);
            let opened = Input::Opened {
                flow,
                kind: FlowKind::Datagram,
                outbox,
                peer: Some(peer),
            };
            if inputs.send(opened).await.is_err() {
                return;
            }
        }
        if length == 0 {
            continue;
        }
        let bytes = buffer[..length].to_vec();
        if inputs.send(Input::Received { flow, bytes }).await.is_err() {
            return;
        }
    }
}

/// Accepts streams; with `tls`, every one of them has to be TLS.
pub(crate) async fn accept_streams(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    inputs: mpsc::Sender<Input>,
) {
    // Datagram flows count from 0, streams from where those end.
    let mut next = FLOWS_MAX as u64;
    while let Ok((stream, _)) = listener.accept().await {
        next += 1;
        let (flow, inputs) = (FlowId(next), inputs.clone());
        match tls.clone() {
            None => drop(tokio::spawn(serve(stream, flow, false, inputs))),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(stream) = tls.accept(stream).await {
                    serve(stream, flow, true, inputs).await;
                }
            })),
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    flow: FlowId,
    tls: bool,
    inputs: mpsc::Sender<Input>,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (outbox, mut outgoing) = mpsc::channel::<Vec<u8>>(OUTBOX_MESSAGES_MAX);
    let kind = FlowKind::Reliable {
        websocket: false,
        tls,
    };
    let opened = Input::Opened {
        flow,
        kind,
        outbox: Outbox::Stream(outbox.clone()),
        peer: None,
    };
    if inputs.send(opened).await.is_err() {
        return;
    }
    let mut framer = StreamFramer::new();
    let mut buffer = vec![0; 4096];
    loop {
        tokio::select! {
            bytes = outgoing.recv() => {
                let Some(bytes) = bytes else { break };
                if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
            }
            read = reader.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { break };
                if framer.push(&buffer[..length]).is_err()
                    || take_messages(&mut framer, flow, &outbox, &inputs).await.is_none()
                {
                    break;
                }
            }
        }
    }
    drop(inputs.send(Input::Closed { flow }).await);
}

/// Hands on what the stream holds; `None` when the stream cannot go on.
async fn take_messages(
    framer: &mut StreamFramer,
    flow: FlowId,
    outbox: &mpsc::Sender<Vec<u8>>,
    inputs: &mpsc::Sender<Input>,
) -> Option<()> {
    while let Some(framed) = framer.poll().ok()? {
        match framed {
            Framed::Message(bytes) => inputs.send(Input::Received { flow, bytes }).await.ok()?,
            Framed::Ping => outbox.try_send(framer::PONG.to_vec()).ok()?,
            Framed::Pong => {}
        }
    }
    Some(())
}

/// Reads the sound of one call; drops it when the loop is behind.
pub(crate) async fn read_sound(
    socket: Arc<UdpSocket>,
    call: CallHandle,
    inputs: mpsc::Sender<Input>,
) {
    let mut buffer = [0; RTP_BYTES_MAX];
    loop {
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        let sound = Input::Sound {
            call,
            source,
            bytes: buffer[..length].to_vec(),
        };
        if matches!(
            inputs.try_send(sound),
            Err(mpsc::error::TrySendError::Closed(_))
        ) {
            return;
        }
    }
}
