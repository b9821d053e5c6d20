//! A connection that a test can cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Forwards TCP from a port of its own to another, until it is cut.
pub struct Cable {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    strands: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    /// A cable to `target`, as `address:port`.
    ///
    /// # Panics
    /// When no port is to be had.
    #[must_use]
    pub fn to(target: &str) -> Self {
        let target: SocketAddr = target.parse().expect("an address");
        let target = Arc::new(Mutex::new(target));
        let towards = Arc::clone(&target);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let strands = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&strands);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let target = *towards.lock().unwrap_or_else(PoisonError::into_inner);
                let Ok(far) = TcpStream::connect(target) else {
                    continue;
                };
                let mut strands = kept.lock().unwrap_or_else(PoisonError::into_inner);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                        continue;
                    };
                    strands.extend(from.try_clone());
                    std::thread::spawn(move || carry(from, to));
                }
            }
        });
        Self {
            address,
            target,
            strands,
        }
    }

    /// The near end, as `address:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The far end, as `address:port`.
    #[must_use]
    pub fn target(&self) -> String {
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        target.to_string()
    }

    /// From now on the cable goes to another place; what stands is not touched.
    ///
    /// # Panics
    /// When `target` is not `address:port`.
    pub fn lay_to(&self, target: &str) {
        let target = target.parse().expect("an address");
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Cuts every connection that stands; new ones are carried again.
    pub fn cut(&self) {
        for strand in self
            .strands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            // One that is closed already is as cut as can be.
            let _closed = strand.shutdown(Shutdown::Both);
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    // The end of either side ends the other.
    let _carried = io::copy(&mut from, &mut to);
    let _closed = to.shutdown(Shutdown::Both);
}
