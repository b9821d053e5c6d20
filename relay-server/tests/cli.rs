//! What an operator types, against the real binary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn relay_server(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_relay-server"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may have closed it already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn good(arguments: &[&str], input: &str) -> String {
    let output = relay_server(arguments, input);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn bad(arguments: &[&str], input: &str, code: i32) -> String {
    let output = relay_server(arguments, input);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

struct Folder {
    folder: tempfile::TempDir,
    config: String,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("relay");
        let said = good(&["init", path(&dir), "--host", "relay.test"], "");
        assert!(said.contains("relay-server.toml"), "{said}");
        let config = path(&dir.join("relay-server.toml")).to_owned();
        Self { folder, config }
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.config).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&self.config, text.replace(from, to)).unwrap();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn init_then_check_is_good_and_init_again_is_refused() {
    let folder = Folder::new();
    let said = good(&["check", &folder.config], "");
    assert!(
        said.contains("secure        https and wss on 127.0.0.1:8443"),
        "{said}"
    );
    assert!(said.contains("none: telephones cannot be called"), "{said}");
    assert!(
        said.trim_end().ends_with("relay-server.toml is good"),
        "{said}"
    );
    let dir = folder.folder.path().join("relay");
    let said = bad(&["init", path(&dir)], "", 1);
    assert!(
        said.contains("relay-server.toml is already there; nothing was written"),
        "{said}"
    );
}

#[test]
fn a_wrong_configuration_is_exit_code_64_for_every_command_that_needs_it() {
    let folder = Folder::new();
    folder.edit("secure = ", "secur = ");
    for arguments in [
        vec!["check", &folder.config],
        vec!["run", &folder.config],
        vec!["journal", "verify", &folder.config],
        vec!["account", "list", "--config", &folder.config],
        vec!["turn", "credential", &folder.config, "ana"],
    ] {
        let said = bad(&arguments, "", 64);
        assert!(
            said.contains("[listen] secur: there is no such key"),
            "{said}"
        );
        assert!(said.contains("hint: did you mean 'secure'?"), "{said}");
        assert!(
            said.contains("problems in the configuration; nothing was started"),
            "{said}"
        );
    }
    let said = bad(&["check", "/nowhere.toml"], "", 64);
    assert!(
        said.contains("cannot read the configuration /nowhere.toml"),
        "{said}"
    );
}

#[test]
fn accounts_are_added_listed_and_removed() {
    let folder = Folder::new();
    let config = ["--config", &folder.config];
    let account = |more: &[&'static str]| [&["account"], more, &config].concat();
    let said = good(
        &account(&[
            "add",
            "caller",
            "(555) 010-0001",
            "--name",
            "Ana",
            "--password-stdin",
        ]),
        "correct horse\n",
    );
    assert_eq!(said, "added +15550100001\n");
    let secret = folder.folder.path().join("password");
    std::fs::write(&secret, "battery staple\n").unwrap();
    let add = [
        "account",
        "add",
        "interpreter",
        "1234",
        "--languages",
        "ase/en,ase/es",
        "--skills",
        "medical",
        "--password-file",
        path(&secret),
        "--config",
        &folder.config,
    ];
    assert_eq!(good(&add, ""), "added 1234\n");
    let said = good(&account(&["list"]), "");
    assert_eq!(
        said,
        "+15550100001     caller  no location  Ana\n1234             interpreter  ase/en,ase/es  medical\n"
    );
    let said = bad(&add, "", 1);
    assert!(said.contains("there is already an account 1234"), "{said}");
    assert_eq!(
        good(&account(&["remove", "+1 555 010 0001"]), ""),
        "removed +15550100001\n"
    );
    let said = bad(&account(&["remove", "+15550100001"]), "", 1);
    assert!(said.contains("there is no account"), "{said}");
}

#[test]
fn f22_a_location_is_registered_with_the_account_and_changed_at_will() {
    let folder = Folder::new();
    let run = |more: &[&str], input: &str| {
        relay_server(
            &[&["account", "--config", &folder.config], more].concat(),
            input,
        )
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let password = "correct horse\n";
    let without = run(
        &["add", "caller", "+15550100001", "--password-stdin"],
        password,
    );
    assert!(without.status.success(), "an account needs no location");
    let warning = text(&without.stderr);
    assert!(
        warning.contains("emergency services will not be told where"),
        "{warning}"
    );
    let place = "country=US;A3=New York;RD=Broadway;HNO=123";
    let add = [
        "add",
        "caller",
        "+15550100002",
        "--password-stdin",
        "--location",
        place,
    ];
    let with = run(&add, password);
    assert_eq!(
        (text(&with.stdout), text(&with.stderr)),
        ("added +15550100002\n".into(), String::new())
    );
    let moved = run(
        &["set-location", "+1 555 010 0001", "country=us;RD=Elm;HNO=7"],
        "",
    );
    assert_eq!(text(&moved.stdout), "+15550100001 is registered there\n");
    let moved = run(
        &["set-location", "+15550100002", "-"],
        "country=US;RD=Oak\n",
    );
    assert!(moved.status.success(), "{}", text(&moved.stderr));
    let list = text(&run(&["list"], "").stdout);
    assert_eq!(
        list,
        "+15550100001     caller  location registered\n+15550100002     caller  location registered\n"
    );
    let file = folder
        .folder
        .path()
        .join("relay/data/accounts/accounts.jsonl");
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(kept.contains("country=US;RD=Elm;HNO=7"), "{kept}");
    assert!(
        kept.contains("country=US;RD=Oak") && !kept.contains("Broadway"),
        "{kept}"
    );
    for (location, why) in [
        ("RD=Elm", "country is missing"),
        ("country=US;STREET=Elm", "'STREET' is not a known element"),
        ("country=US;RD=Elm;RD=Oak", "RD is there twice"),
    ] {
        let said = text(&run(&["set-location", "+15550100001", location], "").stderr);
        assert!(said.contains(why), "{said}");
        let refused = run(
            &["add", "caller", "+15550100003", "--location", location],
            "",
        );
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(why));
    }
    let said = text(&run(&["set-location", "+15550100009", "country=US"], "").stderr);
    assert!(said.contains("there is no account +15550100009"), "{said}");
}

#[test]
fn bad_accounts_are_refused_with_a_sentence() {
    let folder = Folder::new();
    let add = |more: &[&str], input: &str, code| {
        bad(
            &[&["account", "add"], more, &["--config", &folder.config]].concat(),
            input,
            code,
        )
    };
    let said = add(
        &["caller", "12345", "--password-stdin"],
        "correct horse\n",
        2,
    );
    assert!(
        said.contains("a telephone number has 8 to 15 digits"),
        "{said}"
    );
    let said = add(
        &[
            "interpreter",
            "12ab",
            "--languages",
            "ase/en",
            "--password-stdin",
        ],
        "x\n",
        2,
    );
    assert!(said.contains("a CA id is 1 to 10 digits"), "{said}");
    let said = add(
        &[
            "interpreter",
            "1234",
            "--languages",
            "klingon",
            "--password-stdin",
        ],
        "x\n",
        2,
    );
    assert!(said.contains("is not a known language pair"), "{said}");
    let said = add(
        &["caller", "+15550100001", "--password-stdin"],
        "short\n",
        1,
    );
    assert!(said.contains("a password has 8 signs or more"), "{said}");
    let said = add(&["caller", "+15550100001"], "", 1);
    assert!(
        said.contains("--password-file FILE or --password-stdin"),
        "{said}"
    );
    let said = add(
        &[
            "caller",
            "+15550100001",
            "--digest",
            "md5",
            "--password-stdin",
        ],
        "correct horse\n",
        1,
    );
    assert!(said.contains("[sip] allow_md5 is false"), "{said}");
    let said = add(
        &["caller", "+15550100001", "--password", "correct horse"],
        "",
        2,
    );
    assert!(said.contains("unexpected argument"), "{said}");
}

#[test]
fn an_account_for_a_browser_library_keeps_md5_alone() {
    let folder = Folder::new();
    folder.edit("allow_md5 = false", "allow_md5 = true");
    good(
        &[
            "account",
            "add",
            "caller",
            "+15550100001",
            "--digest",
            "md5",
            "--password-stdin",
            "--config",
            &folder.config,
        ],
        "correct horse\n",
    );
    let file = folder
        .folder
        .path()
        .join("relay/data/accounts/accounts.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("\"MD5\"") && !text.contains("\"SHA-256\""));
    assert!(!text.contains("correct horse"));
}

#[test]
fn a_turn_credential_is_json() {
    let folder = Folder::new();
    let said = good(
        &[
            "turn",
            "credential",
            &folder.config,
            "+15550100001",
            "--ttl",
            "60",
        ],
        "",
    );
    let value: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(
        value["username"]
            .as_str()
            .unwrap()
            .ends_with(":+15550100001")
    );
    assert_eq!(value["password"].as_str().unwrap().len(), 28);
    assert_eq!(value["ttl"], 60);
    bad(&["turn", "credential", &folder.config, "a b"], "", 1);
}

#[test]
fn an_empty_journal_verifies_and_a_damaged_one_is_named() {
    let folder = Folder::new();
    let said = good(&["journal", "verify", &folder.config], "");
    assert!(
        said.starts_with("0 records in 0 files, chain whole"),
        "{said}"
    );
    let journal = folder.folder.path().join("relay/data/journal");
    std::fs::create_dir_all(&journal).unwrap();
    let file = journal.join("journal-00000000000000000001.vj");
    std::fs::write(&file, [7; 100]).unwrap();
    for source in [
        folder.config.as_str(),
        path(&journal),
        path(journal.parent().unwrap()),
    ] {
        let said = bad(&["journal", "verify", source], "", 1);
        assert!(
            said.contains("the journal is damaged at record 1 (byte 0 of "),
            "{said}"
        );
        assert!(said.contains(path(&file)), "{said}");
    }
}
