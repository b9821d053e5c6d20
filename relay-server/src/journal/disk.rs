//! The few things the journal asks of a disk, so that tests can let it fail.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Opens segment files.
pub trait Disk: Send + 'static {
    /// Opens (or makes) `path`, cuts it to `length` bytes and stands at its end.
    fn open(&mut self, path: &Path, length: u64) -> io::Result<Box<dyn SegmentFile>>;
}

/// A segment file being written.
pub trait SegmentFile: Send {
    /// Appends all of it.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything appended is on the medium.
    fn sync(&mut self) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&mut self, path: &Path, length: u64) -> io::Result<Box<dyn SegmentFile>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(path)?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        // The file's name must survive a power cut as well; only Unix has (and needs) this.
        if cfg!(unix)
            && let Some(folder) = path.parent()
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(Box::new(file))
    }
}

impl SegmentFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
