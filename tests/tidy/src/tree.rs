//! The files of the project, read once.

use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 5] = ["target", ".git", "node_modules", "venv", "demo-out"];

/// One text file.
#[derive(Debug, Clone)]
pub struct File {
    /// The path from the root, with forward slashes.
    pub path: String,
    /// All of it; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl File {
    /// A sample for tests of the rules.
    #[must_use]
    pub fn sample(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The file's name without its folders.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether the name ends with a dot and one of `endings`.
    #[must_use]
    pub fn is(&self, endings: &[&str]) -> bool {
        self.name()
            .rsplit_once('.')
            .is_some_and(|(_, ending)| endings.contains(&ending))
    }
}

/// The project's root folder.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The names at the top level.
///
/// # Errors
/// When the folder cannot be read.
pub fn top_level() -> std::io::Result<Vec<String>> {
    let entries = std::fs::read_dir(root())?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// All text files of the project, sorted by path.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn files() -> std::io::Result<Vec<File>> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if is_text(&name) {
                let inside = path.strip_prefix(&root).unwrap_or(&path);
                files.push(File {
                    path: inside.to_string_lossy().replace('\\', "/"),
                    text: String::from_utf8_lossy(&std::fs::read(&path)?).into_owned(),
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn is_text(name: &str) -> bool {
    const ENDINGS: [&str; 16] = [
        "rs", "toml", "md", "yml", "yaml", "sh", "ftl", "js", "mjs", "html", "css", "json", "xml",
        "txt", "service", "desktop",
    ];
    name == "run"
        || name
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}
