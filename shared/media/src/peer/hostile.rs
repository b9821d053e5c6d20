//! For tests: a peer that has its keys by right and does wrong with them.

use super::{Peer, PeerOutput};
use crate::rtp::is_rtcp;

impl Peer {
    /// Sends an RTP or a compound RTCP packet as it is told, sealed as it has to be; whatever is
    /// wrong with it is inside. False before there are keys, or if there is no header to seal by.
    pub fn send_sealed(&mut self, plain: &[u8]) -> bool {
        let Some(transport) = self.transports.first_mut() else {
            return false;
        };
        let (Some(srtp), Some(path)) = (&mut transport.srtp, transport.ice.path()) else {
            return false;
        };
        let mut bytes = plain.to_vec();
        let sealed = if is_rtcp(plain) {
            srtp.seal_rtcp(&mut bytes)
        } else {
            srtp.seal_rtp(&mut bytes, 0)
        };
        if !sealed {
            return false;
        }
        self.outputs.push_back(PeerOutput::Transmit {
            source: path.local,
            destination: path.remote,
            bytes,
        });
        true
    }
}
