//! Passwords come from a file, standard input or the terminal; never from arguments, which every
//! process of the machine can read.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use vrs_domain::Sensitive;

use super::CliError;

/// Longest password file or line read, in bytes.
const INPUT_BYTES_MAX: u64 = 4096;

#[derive(Debug, Args)]
pub(super) struct PasswordSource {
    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    /// Reads the password; asks twice at a terminal.
    pub(super) fn read(&self) -> Result<Sensitive<String>, CliError> {
        let text = if let Some(path) = &self.password_file {
            let named = |error: io::Error| {
                CliError::Password(io::Error::new(
                    error.kind(),
                    format!("{}: {error}", path.display()),
                ))
            };
            first_line(io::BufReader::new(
                std::fs::File::open(path).map_err(named)?,
            ))
            .map_err(named)?
        } else if self.password_stdin {
            first_line(io::stdin().lock()).map_err(CliError::Password)?
        } else if io::stdin().is_terminal() {
            let first = rpassword::prompt_password("Password: ").map_err(CliError::Password)?;
            let second = rpassword::prompt_password("Once more: ").map_err(CliError::Password)?;
            if first != second {
                return Err(CliError::Other("the two passwords differ".into()));
            }
            first
        } else {
            return Err(CliError::Other(
                "give the password with --password-file FILE or --password-stdin".into(),
            ));
        };
        Ok(Sensitive::new(text))
    }
}

/// The first line, without its end; at most [`INPUT_BYTES_MAX`].
pub(super) fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(INPUT_BYTES_MAX).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_end_is_cut_off() {
        assert_eq!(
            first_line(&b" with spaces \r\nmore"[..]).unwrap(),
            " with spaces "
        );
        assert_eq!(first_line(&b""[..]).unwrap(), "");
    }
}
