//! `[media]`: how many threads forward, and so how many ports there are.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::thread;

use super::super::raw::Raw;
use super::super::resolved::{Listen, MediaSettings};
use super::super::rules::{Carrier, Listener};
use super::Resolver;

/// Most workers unless said otherwise: a machine with more cores has other work, too.
const WORKERS_MAX: usize = 16;

impl Resolver<'_> {
    pub(super) fn media(&mut self, raw: &Raw, listen: &Listen) -> Option<MediaSettings> {
        let key = "[media] workers";
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers = match &raw.media.workers {
            Some(at) => at.value as usize,
            None => cores.min(WORKERS_MAX),
        };
        let workers = u16::try_from(workers).ok().and_then(NonZeroU16::new)?;
        let allowed = self.allowed(&raw.media);
        let first = listen.media.port();
        let line = raw.listen.media.as_ref().map_or(0, |at| at.line);
        if first == 0 {
            return Some(MediaSettings { workers, allowed });
        }
        for number in 1..workers.get() {
            let Some(port) = first.checked_add(number) else {
                let message = format!("{workers} workers need {workers} ports from {first} on");
                let hint = format!("name a port up to {}", u16::MAX - workers.get() + 1);
                self.problem(Some(line), "[listen] media", message, hint);
                return None;
            };
            self.listeners.push(Listener {
                key: key.into(),
                line,
                carrier: Carrier::Udp,
                address: SocketAddr::new(listen.media.ip(), port),
            });
        }
        Some(MediaSettings { workers, allowed })
    }
}
