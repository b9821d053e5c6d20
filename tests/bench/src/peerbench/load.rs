//! The load: ends that publish and receive at a steady rate, all on one thread.

use std::thread;
use std::time::{Duration, Instant};

/// The load looks at its sockets and its clock this often.
const TURN: Duration = Duration::from_millis(1);
/// What is under way when the publishing stops may take this long to arrive.
const LINGER: Duration = Duration::from_millis(500);

/// One place that sends and receives media.
pub(crate) trait End {
    /// Sends one packet of media.
    fn publish(&mut self, now: Instant);
    /// Reads what has come, and does what is due.
    fn turn(&mut self, now: Instant);
    /// Whether media can flow.
    fn is_ready(&self) -> bool;
    /// How many packets of media have come.
    fn received(&self) -> u64;
}

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Packets a second, of all publishers together.
    pub(crate) packets: u64,
    /// For so long.
    pub(crate) lasting: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Turns until every end is ready.
pub(crate) fn connect(ends: &mut [Box<dyn End>], patience: Duration) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        let now = Instant::now();
        ends.iter_mut().for_each(|end| end.turn(now));
        let missing = ends.iter().filter(|end| !end.is_ready()).count();
        if missing == 0 {
            return Ok(());
        }
        if now > begin + patience {
            return Err(format!("{missing} of {} ends found no way", ends.len()));
        }
        thread::sleep(TURN);
    }
}

/// Lets `publishers` (places in `ends`) send in turn, and everybody receive.
pub(crate) fn run(ends: &mut [Box<dyn End>], publishers: &[usize], rate: Rate) -> Counts {
    let before: u64 = ends.iter().map(|end| end.received()).sum();
    let begin = Instant::now();
    let mut sent = 0;
    let mut turns = publishers.iter().cycle();
    loop {
        let now = Instant::now();
        let passed = now - begin;
        if passed >= rate.lasting + LINGER {
            break;
        }
        let sending = passed.min(rate.lasting).as_micros() as u64;
        let due = rate.packets * sending / 1_000_000;
        for publisher in turns.by_ref().take((due - sent) as usize) {
            ends[*publisher].publish(now);
        }
        sent = due;
        let now = Instant::now();
        ends.iter_mut().for_each(|end| end.turn(now));
        thread::sleep(TURN.saturating_sub(now.elapsed()));
    }
    let after: u64 = ends.iter().map(|end| end.received()).sum();
    Counts {
        sent,
        received: after - before,
    }
}
