//! Facts of the build, for `--version`, the first log line and the about box.

/// What this binary was built from and for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildInfo {
    /// Semantic version of the workspace.
    pub version: &'static str,
    /// Operating system it was built for, as Rust names it (`linux`, `windows`, `macos`).
    pub system: &'static str,
    /// Processor it was built for (`x86_64`, `aarch64`).
    pub processor: &'static str,
    /// Whether it was built with debug assertions.
    pub debug: bool,
}

/// The facts of this build.
#[must_use]
pub const fn info() -> BuildInfo {
    BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        system: std::env::consts::OS,
        processor: std::env::consts::ARCH,
        debug: cfg!(debug_assertions),
    }
}

impl std::fmt::Display for BuildInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {}", self.version, self.system, self.processor)?;
        f.write_str(if self.debug { ", debug)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_line_names_version_and_system() {
        let line = super::info().to_string();
        assert!(line.starts_with(env!("CARGO_PKG_VERSION")), "{line}");
        assert!(line.contains(std::env::consts::OS), "{line}");
    }
}
