//! Calls that outlive this process: what another one needs to go on with them.

use super::call::{Call, Phase};
use super::{CallHandle, Endpoint, FlowId};
use crate::dialog::{Dialog, DialogId};
use crate::message::{Headers, Method, NameAddr, Request, Uri};

/// No connection has this id: a restored call waits for [`Endpoint::move_call`].
const NO_FLOW: FlowId = FlowId(u64::MAX);
/// Requests that were sent after the call was saved are left behind by this much; gaps are
/// allowed (RFC 3261 section 12.2.1.1).
const CSEQ_LEAP: u32 = 1 << 16;

/// An established call in words: addresses as they stand in headers, with their tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCall {
    /// Call-ID.
    pub call_id: String,
    /// Our address with our tag.
    pub local: String,
    /// The peer's address with its tag.
    pub remote: String,
    /// The peer's Contact.
    pub target: String,
    /// Proxies on the way, in the order we use them.
    pub routes: Vec<String>,
    /// Number of our last request.
    pub local_cseq: u32,
    /// Number of the peer's last request.
    pub remote_cseq: Option<u32>,
    /// User part of our Contact.
    pub contact_user: String,
    /// Whether we placed the call.
    pub caller: bool,
}

impl Endpoint {
    /// An established call in words; `None` before it is established, and while it ends.
    #[must_use]
    pub fn save_call(&self, call: CallHandle) -> Option<SavedCall> {
        let call = self.calls.get(&call)?;
        let dialog = call.dialog.as_ref()?;
        (call.phase == Phase::Confirmed).then(|| SavedCall {
            call_id: dialog.id.call_id.clone(),
            local: dialog.local.to_string(),
            remote: dialog.remote.to_string(),
            target: dialog.remote_target.to_string(),
            routes: dialog.route_set.iter().map(ToString::to_string).collect(),
            local_cseq: dialog.local_cseq,
            remote_cseq: dialog.remote_cseq,
            contact_user: call.contact_user.clone(),
            caller: call.caller,
        })
    }

    /// Goes on with a call of an earlier process. It has no connection until
    /// [`Endpoint::move_call`] gives it one, and the session has to be offered anew by
    /// [`Endpoint::reinvite`]. `None` when the words are not those of a call, or it is here
    /// already.
    pub fn restore_call(&mut self, saved: &SavedCall) -> Option<CallHandle> {
        let dialog = dialog_of(saved)?;
        if self.dialogs.contains_key(&dialog.id) {
            return None;
        }
        let handle = CallHandle(self.new_id());
        self.dialogs.insert(dialog.id.clone(), handle);
        let invite = Request {
            method: Method::Invite,
            uri: dialog.remote_target.clone(),
            headers: Headers::new(),
            body: Vec::new(),
        };
        let contact = dialog.local.clone();
        let mut call = Call::new(
            NO_FLOW,
            Phase::Confirmed,
            invite,
            contact,
            saved.contact_user.clone(),
        );
        call.caller = saved.caller;
        call.dialog = Some(dialog);
        self.calls.insert(handle, call);
        Some(handle)
    }
}

fn dialog_of(saved: &SavedCall) -> Option<Dialog> {
    let local = NameAddr::parse(&saved.local)?;
    let remote = NameAddr::parse(&saved.remote)?;
    let routes = saved.routes.iter();
    Some(Dialog {
        id: DialogId {
            call_id: saved.call_id.clone(),
            local_tag: local.tag()?.to_owned(),
            remote_tag: remote.tag().unwrap_or("").to_owned(),
        },
        local,
        remote,
        remote_target: Uri::parse(&saved.target)?,
        route_set: routes.map(|r| NameAddr::parse(r)).collect::<Option<_>>()?,
        local_cseq: saved.local_cseq.saturating_add(CSEQ_LEAP) & 0x7fff_ffff,
        remote_cseq: saved.remote_cseq,
    })
}
