//! The table of flows: which connection is which, and how to send on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use vrs_sip::FlowId;

use crate::edge::Opened;

/// One open flow.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) peer: SocketAddr,
    pub(super) trunk: Option<String>,
    /// Whether what is sent may be lost on the way.
    pub(super) datagram: bool,
    /// We made the connection, so we know who is there.
    dialled: bool,
    /// Who proved to be who on this flow.
    pub(super) user: Option<String>,
    outbox: mpsc::Sender<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(super) struct Flows {
    open: BTreeMap<FlowId, Flow>,
}

impl Flows {
    pub(super) fn open(&mut self, opened: Opened) {
        let Opened {
            flow,
            kind,
            peer,
            trunk,
            dialled,
            outbox,
            ..
        } = opened;
        self.open.insert(
            flow,
            Flow {
                peer,
                trunk,
                datagram: !kind.is_reliable(),
                dialled,
                user: None,
                outbox,
            },
        );
    }

    pub(super) fn close(&mut self, flow: FlowId) -> Option<Flow> {
        self.open.remove(&flow)
    }

    pub(super) fn get(&self, flow: FlowId) -> Option<&Flow> {
        self.open.get(&flow)
    }

    pub(super) fn set_user(&mut self, flow: FlowId, user: &str) {
        if let Some(open) = self.open.get_mut(&flow) {
            open.user = Some(user.to_owned());
        }
    }

    /// The flow to place calls on a trunk: one that we made, the newest when there are several.
    pub(super) fn trunk(&self, name: &str) -> Option<FlowId> {
        let named = self
            .open
            .iter()
            .filter(|(_, flow)| flow.dialled && flow.trunk.as_deref() == Some(name));
        named.map(|(id, _)| *id).max_by_key(|id| id.0)
    }

    /// A flow to say something on that a gateway is waiting for: of those that we made, or else of
    /// those that it made.
    pub(super) fn of_trunk(&self, name: &str) -> Option<FlowId> {
        let theirs = |flow: &&Flow| flow.trunk.as_deref() == Some(name);
        let any = self.open.iter().filter(|(_, flow)| theirs(flow));
        self.trunk(name)
            .or_else(|| any.map(|(id, _)| *id).max_by_key(|id| id.0))
    }

    /// Queues a message; `true` when the peer reads too slowly and the flow must be cut (R20).
    ///
    /// Closing it drops the sender, which ends the connection's task.
    pub(super) fn is_clogged_by(&self, flow: FlowId, bytes: Vec<u8>) -> bool {
        match self.open.get(&flow).map(|open| open.outbox.try_send(bytes)) {
            Some(Err(TrySendError::Full(_))) => true,
            Some(Ok(()) | Err(TrySendError::Closed(_))) | None => false,
        }
    }
}
