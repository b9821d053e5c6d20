//! `[journal]`: how large and old its files grow, and where its head is published.

use std::path::Path;
use std::time::Duration;

use super::super::problem::Problem;
use super::super::raw::Raw;
use super::super::resolved::JournalSettings;
use super::Resolver;
use super::queue::seconds;
use crate::journal::Rotation;

/// Size of a segment file unless said otherwise, in MiB.
const SEGMENT_MIB: u64 = 64;
/// Age of a segment file unless said otherwise, in hours.
const ROTATE_HOURS: u64 = 24;
/// Time between two checkpoints unless said otherwise.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);
/// The checkpoint's name in the data folder.
const CHECKPOINT_FILE: &str = "checkpoint.txt";

impl Resolver<'_> {
    pub(super) fn journal(&mut self, raw: &Raw, data_dir: &Path) -> Option<JournalSettings> {
        let j = &raw.journal;
        let key = "[journal] checkpoint";
        let checkpoint = match &j.checkpoint {
            None => data_dir.join(CHECKPOINT_FILE),
            Some(at) => {
                let path = self.path(at);
                let (line, shown) = (Some(at.line), path.display());
                if at.value.is_empty() || path.is_dir() {
                    let message = format!("{shown} is a folder; a checkpoint is a file in one");
                    self.problem(
                        line,
                        key,
                        message,
                        "name a file, such as checkpoint.txt in it",
                    );
                    return None;
                }
                let folder = path.parent().unwrap_or(Path::new("/"));
                // The other disk may be away for a while; calls do not wait for it.
                if folder != data_dir && !folder.is_dir() {
                    self.warnings.push(Problem {
                        line,
                        key: key.into(),
                        message: format!("there is no folder {}", folder.display()),
                        hint: "make it, or mount it: until then no checkpoint is written".into(),
                    });
                }
                path
            }
        };
        let whole =
            |value: Option<&super::At<u64>>, otherwise| value.map_or(otherwise, |v| v.value);
        let hours = whole(j.rotate_hours.as_ref(), ROTATE_HOURS);
        Some(JournalSettings {
            rotation: Rotation {
                bytes_max: whole(j.segment_mib.as_ref(), SEGMENT_MIB) * 1024 * 1024,
                age_max: (hours > 0).then(|| Duration::from_secs(hours * 3600)),
            },
            checkpoint,
            checkpoint_every: seconds(j.checkpoint_seconds.as_ref(), CHECKPOINT_EVERY),
        })
    }
}
