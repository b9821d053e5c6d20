//! Who is reachable where: the bindings made by REGISTER (RFC 3261 section 10, RFC 5626).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use vrs_domain::limit;
use vrs_sip::FlowId;

/// Shortest and longest registration we grant, and what we grant when nothing is asked, in seconds.
pub const EXPIRES_S_MIN: u32 = 60;
/// See [`EXPIRES_S_MIN`].
pub const EXPIRES_S_MAX: u32 = 3600;
/// See [`EXPIRES_S_MIN`].
pub const EXPIRES_S_DEFAULT: u32 = 600;

/// One device of an account, reachable over one flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The connection it stands on.
    pub flow: FlowId,
    /// The Contact URI as the device wrote it; it goes into Request-URIs.
    pub contact: String,
    /// `+sip.instance`, the same for one installation whatever its connection (RFC 5626).
    pub instance: Option<String>,
    /// When it lapses.
    pub expires: Instant,
}

/// A binding that is no more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// Whose.
    pub user: String,
    /// Which device.
    pub contact: String,
}

/// Why a registration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// R18: the number of devices is limited, and none of the standing ones is thrown out.
    #[error(
        "this account has {} devices registered",
        limit::BINDINGS_PER_ACCOUNT_MAX
    )]
    TooManyDevices,
}

/// All bindings, by account.
#[derive(Debug, Default)]
pub struct Registrar {
    by_user: BTreeMap<String, Vec<Binding>>,
}

impl Registrar {
    /// Adds or refreshes a binding: one per instance, or per flow when no instance is given.
    ///
    /// Gives the flow that the same device stood on before, if it was another one: a device has
    /// one connection, and whatever else was open is dead or about to be.
    ///
    /// # Errors
    /// [`Refused`] when the account has too many devices.
    pub fn bind(&mut self, user: &str, binding: Binding) -> Result<Option<FlowId>, Refused> {
        let bindings = self.by_user.entry(user.to_owned()).or_default();
        let mut before = None;
        bindings.retain(|old| {
            let same = same_device(old, &binding);
            if same && old.flow != binding.flow {
                before = Some(old.flow);
            }
            !same
        });
        if bindings.len() >= limit::BINDINGS_PER_ACCOUNT_MAX {
            return Err(Refused::TooManyDevices);
        }
        bindings.push(binding);
        Ok(before)
    }

    /// Where a device of this user stands now.
    #[must_use]
    pub fn flow_of(&self, user: &str, instance: &str) -> Option<FlowId> {
        let is_it = |binding: &&Binding| binding.instance.as_deref() == Some(instance);
        Some(self.bindings(user).iter().find(is_it)?.flow)
    }

    /// Removes the bindings of a user on one flow (REGISTER with Expires 0).
    pub fn unbind(&mut self, user: &str, flow: FlowId) -> Vec<Gone> {
        self.remove(|owner, binding| owner == user && binding.flow == flow)
    }

    /// Removes everything on a flow that is gone.
    pub fn close_flow(&mut self, flow: FlowId) -> Vec<Gone> {
        self.remove(|_, binding| binding.flow == flow)
    }

    /// Removes what has lapsed.
    pub fn expire(&mut self, now: Instant) -> Vec<Gone> {
        self.remove(|_, binding| binding.expires <= now)
    }

    fn remove(&mut self, is_gone: impl Fn(&str, &Binding) -> bool) -> Vec<Gone> {
        let mut gone = Vec::new();
        for (user, bindings) in &mut self.by_user {
            let leaving = bindings.extract_if(.., |binding| is_gone(user, binding));
            gone.extend(leaving.map(|binding| Gone {
                user: user.clone(),
                contact: binding.contact,
            }));
        }
        self.by_user.retain(|_, bindings| !bindings.is_empty());
        gone.sort_unstable();
        gone
    }

    /// When [`Registrar::expire`] has something to do.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.by_user
            .values()
            .flatten()
            .map(|binding| binding.expires)
            .min()
    }

    /// The installation that registered on a flow, when it said which.
    #[must_use]
    pub fn instance_on(&self, flow: FlowId) -> Option<String> {
        let mut bindings = self.by_user.values().flatten();
        bindings
            .find(|binding| binding.flow == flow)?
            .instance
            .clone()
    }

    /// The devices of a user, the newest last.
    #[must_use]
    pub fn bindings(&self, user: &str) -> &[Binding] {
        self.by_user.get(user).map_or(&[], Vec::as_slice)
    }
}

fn same_device(old: &Binding, new: &Binding) -> bool {
    match (&old.instance, &new.instance) {
        (Some(old), Some(new)) => old == new,
        (None, _) | (_, None) => old.flow == new.flow && old.contact == new.contact,
    }
}

/// The time a registration gets: what was asked, within our bounds.
#[must_use]
pub fn granted(asked_s: Option<u32>) -> Duration {
    let seconds = asked_s
        .unwrap_or(EXPIRES_S_DEFAULT)
        .clamp(EXPIRES_S_MIN, EXPIRES_S_MAX);
    Duration::from_secs(u64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(flow: u64, instance: Option<&str>, expires: Instant) -> Binding {
        Binding {
            flow: FlowId(flow),
            contact: format!("sip:x@{flow}.invalid;transport=ws"),
            instance: instance.map(str::to_owned),
            expires,
        }
    }

    #[test]
    fn r12_a_device_that_comes_back_on_a_new_connection_replaces_its_old_binding() {
        let now = Instant::now();
        let mut registrar = Registrar::default();
        registrar
            .bind("ana", binding(1, Some("urn:uuid:a"), now))
            .unwrap();
        let before = registrar.bind("ana", binding(2, Some("urn:uuid:a"), now));
        assert_eq!(before, Ok(Some(FlowId(1))));
        assert_eq!(registrar.flow_of("ana", "urn:uuid:a"), Some(FlowId(2)));
        assert_eq!(registrar.bindings("ana").len(), 1);
        assert_eq!(registrar.bindings("ana")[0].flow, FlowId(2));
    }

    #[test]
    fn r18_one_device_too_many_is_refused_and_none_thrown_out() {
        let now = Instant::now();
        let mut registrar = Registrar::default();
        for flow in 0..limit::BINDINGS_PER_ACCOUNT_MAX as u64 {
            registrar.bind("ana", binding(flow, None, now)).unwrap();
        }
        assert_eq!(
            registrar.bind("ana", binding(99, None, now)),
            Err(Refused::TooManyDevices)
        );
        assert_eq!(
            registrar.bindings("ana").len(),
            limit::BINDINGS_PER_ACCOUNT_MAX
        );
    }

    #[test]
    fn bindings_lapse_and_closed_flows_take_theirs_along() {
        let now = Instant::now();
        let mut registrar = Registrar::default();
        registrar
            .bind("ana", binding(1, None, now + Duration::from_secs(60)))
            .unwrap();
        registrar
            .bind("ben", binding(2, None, now + Duration::from_secs(90)))
            .unwrap();
        assert_eq!(registrar.next_expiry(), Some(now + Duration::from_secs(60)));
        let users = |gone: Vec<Gone>| gone.into_iter().map(|gone| gone.user).collect::<Vec<_>>();
        assert_eq!(
            users(registrar.expire(now + Duration::from_secs(60))),
            ["ana"]
        );
        assert_eq!(users(registrar.close_flow(FlowId(2))), ["ben"]);
        assert_eq!(registrar.next_expiry(), None);
    }
}
