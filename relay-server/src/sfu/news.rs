//! What sessions are told of their legs' media, also when they are slow to listen.

use std::collections::VecDeque;

use relay_core::sfu::PeerNews;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::MediaNews;

/// Tells news in order. What cannot be told at once waits, of each leg only the latest, so that
/// a failure is never lost and no more waits than there are legs; what a telephone's line is like
/// is beside that, and never in its place.
pub(super) struct Teller {
    sender: mpsc::Sender<MediaNews>,
    waiting: VecDeque<MediaNews>,
}

impl Teller {
    pub(super) const fn new(sender: mpsc::Sender<MediaNews>) -> Self {
        Self {
            sender,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn tell(&mut self, news: MediaNews) {
        if !self.waiting.is_empty() {
            return self.keep(news);
        }
        match self.sender.try_send(news) {
            // Whoever listened has stopped, and everything with them.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(news)) => self.keep(news),
        }
    }

    fn keep(&mut self, news: MediaNews) {
        let about = |one: &MediaNews| {
            let line = matches!(one.news, PeerNews::Line(_));
            (one.session, one.leg, line)
        };
        let same = |kept: &MediaNews| about(kept) == about(&news);
        let minor = matches!(news.news, PeerNews::Silent | PeerNews::Heard);
        if minor && self.waiting.iter().any(same) {
            return;
        }
        self.waiting.retain(|kept| !same(kept));
        self.waiting.push_back(news);
    }

    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Tells of what waits as much as can be told now.
    pub(super) fn catch_up(&mut self) {
        while let Some(news) = self.waiting.pop_front() {
            match self.sender.try_send(news) {
                Ok(()) | Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(news)) => return self.waiting.push_front(news),
            }
        }
    }

    /// Waits until somebody takes the next of what waits. Nothing is lost when it is cancelled.
    pub(super) async fn caught_up(&mut self) {
        match self.sender.reserve().await {
            Ok(place) => {
                if let Some(news) = self.waiting.pop_front() {
                    place.send(news);
                }
            }
            Err(_) => self.waiting.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use vrs_domain::{Leg, LineReport, SessionId};

    use super::*;

    fn news(leg: Leg, news: PeerNews) -> MediaNews {
        MediaNews {
            session: SessionId(1),
            leg,
            news,
        }
    }

    #[tokio::test]
    async fn r25_a_failure_is_told_although_nobody_listened_for_a_while() {
        let (sender, mut listener) = mpsc::channel(1);
        let mut teller = Teller::new(sender);
        teller.tell(news(Leg::Caller, PeerNews::Connected));
        for _ in 0..100 {
            teller.tell(news(Leg::Interpreter, PeerNews::Disconnected));
            teller.tell(news(Leg::Interpreter, PeerNews::Connected));
        }
        teller.tell(news(Leg::Caller, PeerNews::Disconnected));
        teller.tell(news(Leg::Caller, PeerNews::Silent));
        teller.tell(news(Leg::Interpreter, PeerNews::Failed("silent".into())));
        teller.tell(news(Leg::Hearing, PeerNews::Failed("silent".into())));
        for _ in 0..100 {
            let line = PeerNews::Line(LineReport::default());
            teller.tell(news(Leg::Hearing, line));
        }
        let mut told = Vec::new();
        while teller.is_behind() {
            told.push(listener.recv().await.unwrap());
            match told.len() {
                1 => teller.catch_up(),
                _ => teller.caught_up().await,
            }
        }
        told.push(listener.recv().await.unwrap());
        let told: Vec<_> = told.into_iter().map(|one| (one.leg, one.news)).collect();
        assert_eq!(
            told,
            [
                (Leg::Caller, PeerNews::Connected),
                (Leg::Caller, PeerNews::Disconnected),
                (Leg::Interpreter, PeerNews::Failed("silent".into())),
                (Leg::Hearing, PeerNews::Failed("silent".into())),
                (Leg::Hearing, PeerNews::Line(LineReport::default())),
            ]
        );
    }
}
