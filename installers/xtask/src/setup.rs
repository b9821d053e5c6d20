//! Finds the system packages that building, running and testing need, and installs what is missing.
//!
//! On Debian and Ubuntu it asks and runs apt; elsewhere it names the packages and goes on.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

/// A package, and the program whose presence makes it unnecessary (a browser from elsewhere counts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) instead: &'static [&'static str],
}

const fn package(name: &'static str) -> Package {
    Package { name, instead: &[] }
}

const fn program(name: &'static str, instead: &'static [&'static str]) -> Package {
    Package { name, instead }
}

/// Compilers and headers.
const BUILDING: &[Package] = &[
    package("pkg-config"),
    program("cmake", &["cmake"]),
    program("g++", &["g++"]),
    program("nasm", &["nasm"]),
    package("libclang-dev"),
    package("libasound2-dev"),
    package("libvpx-dev"),
    package("libxkbcommon-dev"),
];

/// Windows without a screen, software OpenGL and Vulkan, speech for the telephone.
const RUNNING: &[Package] = &[
    package("mesa-vulkan-drivers"),
    package("libvulkan1"),
    program("xvfb", &["Xvfb"]),
    package("libxkbcommon-x11-0"),
    package("libgl1-mesa-dri"),
    package("libgl1"),
    package("libegl1"),
    package("libx11-xcb1"),
    package("libxcursor1"),
    package("libxi6"),
    package("libxrandr2"),
    program("espeak-ng", &["espeak-ng"]),
];

/// Programs by other people that tests/peers talks to, and the tools for a network of its own that
/// a test in tests/e2e makes.
const PEERS: &[Package] = &[
    program("coturn", &["turnutils_uclient"]),
    program("sip-tester", &["sipp"]),
    program(
        "chromium",
        &["chromium", "chromium-browser", "google-chrome"],
    ),
    program("nodejs", &["node"]),
    program("npm", &["npm"]),
    program("openssl", &["openssl"]),
    program("xdotool", &["xdotool"]),
    program("python3", &["python3"]),
    package("python3-venv"),
    program("iproute2", &["ip"]),
    program("util-linux", &["unshare"]),
];

/// What `cargo peerbench` measures us beside, and the tools for a network of its own.
const RIVALS: &[Package] = &[
    program("rtpengine-daemon", &["rtpengine"]),
    program("janus", &["janus"]),
    program("coturn", &["turnserver"]),
    program("iproute2", &["ip"]),
    program("util-linux", &["unshare"]),
];

/// What `cargo demo` needs.
pub(crate) fn for_demo() -> Vec<Package> {
    [BUILDING, RUNNING].concat()
}

/// What `cargo verify` needs.
pub(crate) fn everything() -> Vec<Package> {
    [BUILDING, RUNNING, PEERS].concat()
}

/// What `cargo peerbench` needs.
pub(crate) fn for_peerbench() -> Vec<Package> {
    [BUILDING, RIVALS].concat()
}

/// Installs what is missing of `wanted`; asks first unless `yes` or `CI=true`.
///
/// # Errors
/// When the person says no, nobody can be asked, or apt fails.
pub(crate) fn install(wanted: &[Package], yes: bool) -> Result<(), Failure> {
    if !cfg!(target_os = "linux") || find("dpkg-query").is_none() || find("apt-get").is_none() {
        println!(
            "{}",
            elsewhere(&wanted.iter().map(|p| p.name).collect::<Vec<_>>())
        );
        return Ok(());
    }
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|package| !present(package))
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        println!("system packages: all {} present", wanted.len());
        return Ok(());
    }
    let list = missing.join(" ");
    println!("system packages missing: {list}");
    let yes = yes || std::env::var("CI").is_ok_and(|ci| ci == "true");
    if !yes && !ask("Install them with apt-get now? [Y/n] ")? {
        return Err(format!(
            "not installed; do it by hand: sudo apt-get install {list}"
        ));
    }
    let interactive = std::io::stdin().is_terminal();
    apt(&missing, interactive)
        .map_err(|failure| format!("{failure}; by hand: sudo apt-get install {list}"))
}

fn ask(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err("nobody is there to ask; run again with --yes to install".to_owned());
    }
    print!("{question}");
    let mut answer = String::new();
    let read = std::io::stdout()
        .flush()
        .and_then(|()| std::io::stdin().read_line(&mut answer));
    read.map_err(|error| format!("cannot read the answer: {error}"))?;
    Ok(matches!(
        answer.trim().to_lowercase().as_str(),
        "" | "y" | "yes"
    ))
}

/// Installs without starting daemons: a `policy-rc.d` of ours says no for as long as apt runs, and
/// what was newly installed is not started at the next boot either. One of somebody else's stays.
const APT: &str = r#"
set -eu
if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends "$@"
if [ -d /run/systemd/system ]; then
    for package in "$@"; do
        case "$package" in
            coturn|janus|rtpengine-daemon) systemctl disable --quiet "$package.service" || true ;;
        esac
    done
fi
"#;

fn apt(missing: &[&str], interactive: bool) -> Result<(), Failure> {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut command = if root {
        Command::new("sh")
    } else {
        if find("sudo").is_none() {
            return Err("installing needs root or sudo".to_owned());
        }
        let mut sudo = Command::new("sudo");
        if !interactive {
            sudo.arg("--non-interactive");
        }
        sudo.arg("sh");
        sudo
    };
    let status = command
        .args(["-c", APT, "apt"])
        .args(missing)
        .stdin(if interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .status()
        .map_err(|error| format!("apt-get could not be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("apt-get failed ({status})"))
    }
}

fn present(package: &Package) -> bool {
    if package
        .instead
        .iter()
        .any(|program| find(program).is_some())
    {
        return true;
    }
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Status}", package.name])
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| output.stdout.ends_with(b" installed"))
}

/// The full path of a program, looked up in `PATH`.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// What to install where apt is not there to do it.
fn elsewhere(names: &[&str]) -> String {
    if cfg!(target_os = "macos") {
        return "system packages: xcode-select --install && brew install cmake nasm pkg-config \
                libvpx espeak-ng\n  (for the peers tests also: coturn sipp node python3, and a Chromium)"
            .to_owned();
    }
    if cfg!(windows) {
        return "system packages: Visual Studio Build Tools (C++), CMake, NASM and LLVM; \
                for the telephone's speech eSpeak NG"
            .to_owned();
    }
    format!(
        "system packages: this is not Debian or Ubuntu, so nothing is installed for you.\n\
         Debian's names:  {}\n\
         Fedora:          sudo dnf install pkgconf cmake gcc-c++ nasm clang-devel alsa-lib-devel \
         libvpx-devel libxkbcommon-devel mesa-vulkan-drivers vulkan-loader \
         xorg-x11-server-Xvfb libxkbcommon-x11 mesa-dri-drivers espeak-ng coturn sipp chromium \
         nodejs npm xdotool python3 iproute util-linux\n\
         Arch:            sudo pacman -S --needed pkgconf cmake gcc nasm clang alsa-lib libvpx \
         libxkbcommon libxkbcommon-x11 vulkan-swrast vulkan-icd-loader xorg-server-xvfb mesa \
         libxcursor libxi libxrandr espeak-ng coturn sipp chromium nodejs npm xdotool \
         python iproute2 util-linux",
        names.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_needs_all_that_the_demo_needs() {
        let everything = everything();
        assert!(
            for_demo()
                .iter()
                .all(|package| everything.contains(package))
        );
        let mut names: Vec<_> = everything.iter().map(|package| package.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), everything.len(), "no package is named twice");
    }

    #[test]
    fn a_program_from_elsewhere_replaces_its_package() {
        assert!(present(&program("no-such-package-here", &["cargo"])));
        assert!(!present(&program(
            "no-such-package-here",
            &["no-such-program-here"]
        )));
    }

    #[test]
    fn daemons_never_start_and_a_foreign_policy_stays() {
        assert!(APT.contains("exit 101") && APT.contains("[ ! -e /usr/sbin/policy-rc.d ]"));
        assert!(APT.find("exit 101") < APT.find("apt-get install"));
    }
}
