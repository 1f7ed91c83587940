//! `journalban hook --try`: what an administrator sees before the first ban.

use serde_json::Value;

use crate::call::Root;

#[test]
fn a_hook_can_be_tried() {
    let root = Root::new();
    let tell = root.program(
        "bin/tell",
        "echo \"to $1: $JOURNALBAN_ACTION $JOURNALBAN_ADDRESS\"; exit $2",
    );
    root.write(
        "etc/journalban/hook.d/tell.toml",
        &format!("command = ['{tell}', '{{to}}', '{{code}}']\nrequired = ['to']\n[parameters]\ncode = 0\n"),
    );
    root.write(
        "etc/journalban/journalban.toml",
        "[hook.tell]\nto = 'all'\n",
    );
    root.write(
        "etc/journalban/filter.d/a.toml",
        "journalmatch = '_UID=0'\n[[rule]]\nfailregex = '^from <ADDR>$'\n",
    );
    root.write(
        "etc/journalban/jail.d/a.toml",
        "[a]\nhooks = 'tell'\n[a.hook.tell]\nto = 'some'\ncode = 3\n",
    );
    let run = |arguments: &[&str]| {
        let output = root.command().args(arguments).output().expect("runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, shown, _) = run(&["--try", "tell", "--here"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("/bin/tell all 0 (succeeded, "), "{shown}");
    assert!(shown.contains("\n  to all: ban 192.0.2.1\n"), "{shown}");
    assert!(
        shown.ends_with("ban of 192.0.2.1 (example): done\n"),
        "{shown}"
    );

    let (code, shown, _) = run(&[
        "--try", "tell", "--here", "--unban", "--jail", "a", "--json",
    ]);
    assert_eq!(code, Some(1), "{shown}");
    let report: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(report["outcome"], "failed");
    assert_eq!(report["steps"][0]["exit_code"], 3);
    assert_eq!(
        report["steps"][0]["stdout"]["head"],
        "to some: unban 192.0.2.1"
    );

    // Without systemd's socket, and without --here, it says what is missing.
    let (code, _, errors) = run(&["--try", "tell"]);
    assert_eq!(code, Some(69), "{errors}");
    assert!(
        errors.contains("systemctl enable --now journalban-hook.socket"),
        "{errors}"
    );
    let (code, _, errors) = run(&["--try", "tel", "--here"]);
    assert_eq!(code, Some(78), "{errors}");
    assert!(errors.contains("did you mean \"tell\"?"), "{errors}");
    assert_eq!(run(&["--here"]).0, Some(64), "only when trying");
}
