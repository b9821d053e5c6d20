//! What bad input gets: a named cause, and the server lives on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use vrs_e2e::{NUMBER, Service, binary};

fn connect(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.secure()).expect("the port is open");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    stream
}

fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is as good as an orderly close.
    let _reset = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A caller can still sign in and is told about the missing interpreter.
fn lives_on(service: &Service) {
    let mut caller = service.caller();
    caller.call(NUMBER);
    caller.ended();
}

#[test]
fn a_plain_text_client_on_the_secure_port_is_told_to_use_tls() {
    let service = Service::start();
    let mut stream = connect(&service);
    stream
        .write_all(b"GET /sip HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("written");
    assert!(read_to_end(stream).contains("speaks TLS only"));
    lives_on(&service);
}

#[test]
fn a21_rubbish_instead_of_a_handshake_is_cut_off() {
    let service = Service::start();
    let mut stream = connect(&service);
    stream
        .write_all(&[22, 3, 1, 0xff, 0xff, 0, 0, 0, 1])
        .expect("written");
    // The server may be faster, and have cut it already.
    let more = stream.write_all(&[0; 512]);
    let more = more.and_then(|()| stream.shutdown(std::net::Shutdown::Write));
    if more.is_ok() {
        read_to_end(stream);
    }
    lives_on(&service);
}

#[test]
fn r06_a_second_server_on_the_same_folder_is_refused_with_the_cause() {
    let service = Service::start();
    let output = Command::new(binary("relay-server"))
        .arg("run")
        .arg(service.config())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains("another") || said.contains("already"),
        "{said}"
    );
    lives_on(&service);
}

#[test]
fn an_unreadable_configuration_is_refused_with_file_line_and_key() {
    let service = Service::start();
    let file = service.dir().join("broken.toml");
    let text = std::fs::read_to_string(service.config()).expect("readable");
    std::fs::write(
        &file,
        text.replace("[queue]", "[queue]\nring_for_ever = true"),
    )
    .expect("written");
    let output = Command::new(binary("relay-server"))
        .arg("check")
        .arg(&file)
        .output()
        .expect("it runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(
        said.contains("broken.toml") && said.contains("ring_for_ever"),
        "{said}"
    );
}

#[test]
fn one_flipped_byte_in_the_journal_is_found_and_named() {
    let mut service = Service::start();
    lives_on(&service);
    service.stop_and_verify();
    let folder = service.dir().join("server/data/journal");
    let file = std::fs::read_dir(&folder)
        .expect("a journal folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .max_by_key(|path| path.metadata().map(|m| m.len()).unwrap_or_default())
        .expect("a journal file");
    let mut bytes = std::fs::read(&file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let output = Command::new(binary("relay-server"))
        .args(["journal", "verify"])
        .arg(service.config())
        .output()
        .expect("it runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("record"), "the bad record is named: {said}");
    let output = Command::new(binary("relay-server"))
        .arg("run")
        .arg(service.config())
        .output()
        .expect("it runs");
    assert!(
        !output.status.success(),
        "the server does not start on a broken journal"
    );
    let said = String::from_utf8_lossy(&output.stderr);
    let named = said.contains("damaged at record") && said.contains(".vj");
    assert!(named, "it says which record of which file: {said}");
}
