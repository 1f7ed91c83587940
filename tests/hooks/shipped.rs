//! Every hook that is shipped, really run, with facts that are an attacker's worst.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::call::{Root, has_curl, hostile, unban};
use crate::server::{Request, Server};

/// Stands in for sendmail: stores its arguments and what it read.
const SENDMAIL: &str = r#"printf '%s\n' "$@" >"$here/arguments"; cat >"$here/mail""#;

/// Asserts that nothing of the hostile facts was executed: not here, and not where commands run.
fn assert_nothing_was_executed(root: &Root) {
    for place in [root.path("owned"), "/owned".into(), "owned".into()] {
        assert!(!place.exists(), "{} was made", place.display());
    }
}

/// Asserts that a mail has these headers and no others, and a body that ends nothing early.
fn assert_sound(mail: &str) {
    let (headers, body) = mail.split_once("\n\n").expect("headers and a body");
    let names: Vec<&str> = headers
        .lines()
        .map(|line| line.split_once(": ").expect("a header").0)
        .collect();
    assert_eq!(
        names,
        [
            "To",
            "From",
            "Subject",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding"
        ]
    );
    assert!(headers.starts_with("To: admin@example.net\n"), "{headers}");
    assert!(headers.contains("sshd: banned 192.0.2.1 on "), "{headers}");
    for line in body.lines() {
        assert!(line.len() < 998, "too long for mail: {line}");
        assert_ne!(line, ".");
        assert!(!line.starts_with("Bcc"), "{line}");
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    }
    assert!(body.contains("touch owned"), "the reason is told: {body}");
}

#[test]
fn mail_holds_what_happened_and_no_header_of_an_attacker() {
    let root = Root::new();
    let sendmail = root.program("bin/sendmail", SENDMAIL);
    let whois = root.program(
        "bin/whois",
        r#"echo "$@"; printf 'netname: X\n.\nBcc: x\n\033[2J $(touch owned)\n'"#,
    );
    let to = json!({ "to": "admin@example.net", "sendmail": sendmail });
    let mut with_whois = to.clone();
    with_whois["whois_program"] = json!(whois);
    for (hook, parameters) in [
        ("mail", &to),
        ("mail-whois", &with_whois),
        ("mail-whois-lines", &with_whois),
    ] {
        root.call(hook, parameters, &hostile("192.0.2.1")).done();
        assert_eq!(root.read("arguments"), "-t\n-i\n");
        let mail = root.read("mail");
        assert_sound(&mail);
        assert_eq!(
            mail.contains("\n  192.0.2.1\n  netname: X\n  .\n"),
            hook != "mail"
        );
        assert_eq!(mail.contains("\n  -t\\n-bcc\n"), hook == "mail-whois-lines");
        root.call(hook, parameters, &unban("192.0.2.1", false))
            .nothing("on an unban");
    }
    assert_nothing_was_executed(&root);

    // Without whois there is a mail all the same.
    with_whois["whois_program"] = json!("/nowhere/whois");
    root.call("mail-whois", &with_whois, &hostile("192.0.2.1"))
        .done();
    let mail = root.read("mail");
    assert!(
        mail.contains("  (/nowhere/whois cannot be run: No such file"),
        "{mail}"
    );
}

#[test]
fn a_webhook_gets_all_facts_as_json() {
    if !has_curl() {
        return;
    }
    let root = Root::new();
    let server = Server::start(|request| match request.what.as_str() {
        "POST /bans" => (200, "fine".to_owned()),
        _ => (500, "the far end\u{1b} is ill".to_owned()),
    });
    let parameters = json!({ "url": format!("{}/bans", server.url()) });
    let facts = hostile("2001:db8::/64");
    root.call("webhook", &parameters, &facts).done();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].has_header("Content-Type: application/json"));
    let told: Value = serde_json::from_str(&requests[0].body).expect("JSON");
    assert_eq!(told["action"], "ban");
    assert_eq!(told["address"], "2001:db8::/64");
    let reason = told["reason"].as_str().expect("a text");
    assert!(
        reason.starts_with("\"'\\; $(touch owned) `touch owned` \\r\\nBcc: "),
        "{reason}"
    );
    assert!(!reason.contains(char::is_control) && reason.len() <= 8 * 1024);
    assert_eq!(told["lines"][1], "-t\\n-bcc");
    assert!(!told["hostname"].as_str().expect("a text").is_empty());
    root.call("webhook", &parameters, &unban("192.0.2.1", true))
        .done();
    assert!(
        server.requests()[0]
            .body
            .contains("\"held_by_others\":true")
    );
    assert_nothing_was_executed(&root);

    let parameters = json!({ "url": format!("{}/other", server.url()) });
    let failed = root.call("webhook", &parameters, &facts);
    assert_eq!((failed.outcome(), failed.code), ("failed", 1));
    assert!(
        failed.message().contains("exit code 22"),
        "{}",
        failed.message()
    );
    assert!(!failed.log.contains('\u{1b}') && failed.log.contains("is ill"));
}

/// As much of Cloudflare's access rules as the hook uses: found, made and deleted.
fn cloudflare() -> Server {
    let mut rules: Vec<(u32, Value)> = Vec::new();
    let mut last = 0;
    Server::start(move |request: &Request| {
        let base = "/zones/z/firewall/access_rules/rules";
        let answer = |rules: &[Value]| json!({ "success": true, "result": rules }).to_string();
        if let Some(query) = request.what.strip_prefix(&format!("GET {base}?")) {
            let wanted = |name: &str| {
                let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let found = pairs.find(|(key, _)| *key == name)?.1;
                let found = found.to_ascii_lowercase();
                Some(found.replace("%3a", ":").replace("%2f", "/"))
            };
            let found: Vec<Value> = rules
                .iter()
                .filter(|(_, rule)| {
                    wanted("configuration.value")
                        .is_some_and(|value| rule["configuration"]["value"] == value)
                })
                .filter(|(_, rule)| wanted("notes").is_none_or(|note| rule["notes"] == note))
                .map(|(id, _)| json!({ "id": format!("id{id}") }))
                .collect();
            return (200, answer(&found));
        }
        if request.what == format!("POST {base}") {
            let Ok(rule) = serde_json::from_str(&request.body) else {
                return (400, "no JSON".to_owned());
            };
            last += 1;
            rules.push((last, rule));
            return (200, answer(&[]));
        }
        if let Some(id) = request.what.strip_prefix(&format!("DELETE {base}/id")) {
            let before = rules.len();
            rules.retain(|(own, _)| own.to_string() != id);
            return (if rules.len() < before { 200 } else { 404 }, answer(&[]));
        }
        (
            403,
            r#"{"success":false,"errors":[{"code":9109}]}"#.to_owned(),
        )
    })
}

#[test]
fn cloudflare_is_told_of_bans_and_of_the_last_unban() {
    if !has_curl() {
        return;
    }
    let root = Root::new();
    let server = cloudflare();
    let parameters = json!({ "scope": "zones/z", "api": server.url() });
    let missing = root.call("cloudflare", &parameters, &hostile("192.0.2.1"));
    assert_eq!((missing.outcome(), missing.code), ("unusable", 78));
    assert!(
        missing
            .message()
            .contains("LoadCredential=cloudflare-token:"),
        "{}",
        missing.message()
    );
    assert_eq!(server.requests().len(), 0);

    root.write("credentials/cloudflare-token", "t0ken-t0ken\n");
    for (address, target) in [
        ("192.0.2.1", "ip"),
        ("2001:db8::1", "ip6"),
        ("2001:db8::/64", "ip_range"),
        ("192.0.2.0/24", "ip_range"),
    ] {
        let ban = root
            .call("cloudflare", &parameters, &hostile(address))
            .done();
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "looked up, then made");
        let rule: Value = serde_json::from_str(&requests[1].body).expect("JSON");
        let expected = json!({
            "mode": "block",
            "configuration": { "target": target, "value": address },
            "notes": "journalban",
        });
        assert_eq!(rule, expected);
        for request in &requests {
            assert!(
                request.has_header("Authorization: Bearer t0ken-t0ken"),
                "{request:?}"
            );
        }
        let told = format!("{}{}", ban.report, ban.log);
        assert!(!told.contains("t0ken"), "a secret is told: {told}");

        root.call("cloudflare", &parameters, &hostile(address))
            .nothing("a rule already");
        let mut open = hostile(address);
        open["open"] = json!(["192.0.2.7"]);
        root.call("cloudflare", &parameters, &open)
            .nothing("is ignored");
        server.requests();
        root.call("cloudflare", &parameters, &unban(address, true))
            .nothing("another jail");
        assert_eq!(server.requests().len(), 0);
        root.call("cloudflare", &parameters, &unban(address, false))
            .done();
        assert_eq!(server.requests().len(), 2, "looked up, then deleted");
        root.call("cloudflare", &parameters, &unban(address, false))
            .nothing("no rule");
        server.requests();
    }
    assert_nothing_was_executed(&root);

    let other = json!({ "scope": "zones/other", "api": server.url() });
    let failed = root.call("cloudflare", &other, &hostile("192.0.2.1"));
    assert_eq!(failed.outcome(), "failed");
    assert!(failed.message().contains("403"), "{}", failed.message());
}

#[test]
fn abuseipdb_gets_addresses_and_no_line_of_the_log() {
    if !has_curl() {
        return;
    }
    let root = Root::new();
    root.write("credentials/abuseipdb-key", "k3y");
    let server = Server::start(|_| (200, "{}".to_owned()));
    let parameters = json!({ "api": server.url(), "categories": "18,22" });
    let report = root
        .call("abuseipdb", &parameters, &hostile("192.0.2.1"))
        .done();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].what, "POST /report");
    assert!(requests[0].has_header("Key: k3y"), "{:?}", requests[0]);
    let body = requests[0].body.replace("%20", "+").to_ascii_lowercase();
    assert_eq!(
        body,
        "ip=192.0.2.1&categories=18%2c22&comment=journalban%3a+5+failures%2c+jail+sshd"
    );
    assert!(!report.report.to_string().contains("k3y"));
    root.call("abuseipdb", &parameters, &hostile("2001:db8::/64"))
        .nothing("single addresses");
    root.call("abuseipdb", &parameters, &unban("192.0.2.1", false))
        .nothing("on an unban");
    assert_eq!(server.requests().len(), 0);
    assert_nothing_was_executed(&root);
}

#[test]
fn no_shipped_hook_is_left_untested() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("units/hooks");
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("lists")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    let tested = [
        "abuseipdb",
        "cloudflare",
        "mail-whois-lines",
        "mail-whois",
        "mail",
        "webhook",
    ];
    assert_eq!(names, tested.map(|name| format!("{name}.toml")));
}
