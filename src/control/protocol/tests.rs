//! Calls as they come over the wire, and what becomes of them.

use super::*;

fn request(json: &str) -> Result<Request, Reply> {
    Call::from_bytes(json.as_bytes()).expect("a call").request()
}

#[test]
fn calls_become_requests() {
    assert_eq!(
        request(r#"{"method":"io.journalban.Ping"}"#),
        Ok(Request::Ping)
    );
    assert_eq!(
        request(r#"{"method":"io.journalban.Status","parameters":{"jail":"sshd"}}"#),
        Ok(Request::Status {
            jail: JailName::new("sshd").ok()
        })
    );
    assert_eq!(
        request(r#"{"method":"io.journalban.List","parameters":null,"more":true}"#),
        Ok(Request::List {
            wanted: ListQuery::default(),
            more: true
        })
    );
}

#[test]
fn what_is_wrong_with_a_call_is_said_in_varlinks_words() {
    for (json, error) in [
        (r#"{"method":"Ping"}"#, "org.varlink.service.MethodNotFound"),
        (
            r#"{"method":"io.journalban.Nope"}"#,
            "org.varlink.service.MethodNotFound",
        ),
        (
            r#"{"method":"io.other.Ping"}"#,
            "org.varlink.service.InterfaceNotFound",
        ),
        (
            r#"{"method":"io.journalban.Ban","parameters":{"adress":"192.0.2.1"}}"#,
            "org.varlink.service.InvalidParameter",
        ),
        (
            r#"{"method":"io.journalban.Status","parameters":{"jail":"../etc"}}"#,
            "org.varlink.service.InvalidParameter",
        ),
    ] {
        let reply = request(json).expect_err(json);
        assert_eq!(reply.error.as_deref(), Some(error), "{json}");
    }
}

#[test]
fn the_service_describes_itself() {
    let reply = request(
        r#"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.journalban"}}"#,
    )
    .expect_err("answered at once");
    assert_eq!(reply.error, None);
    let description = reply.parameters["description"].as_str().expect("text");
    for method in [
        "Ping", "Status", "List", "History", "Explain", "Ban", "Unban", "Reload",
    ] {
        assert!(
            description.contains(&format!("\nmethod {method}(")),
            "{method}"
        );
    }
}

#[test]
fn the_largest_call_with_a_list_can_be_read() {
    let longest = "2001:db8:1111:2222:3333:4444:5555:6666/127";
    let prefixes = vec![longest; PREFIXES_LIMIT];
    let call = Call::new("UnbanMany", json!({ "prefixes": prefixes }), false);
    assert!(call.to_bytes().len() < REQUEST_LIMIT);
    let wrong = request(r#"{"method":"io.journalban.BanMany","parameters":{"prefixes":["x"]}}"#);
    let error = wrong.expect_err("no prefix").error;
    assert_eq!(
        error.as_deref(),
        Some("org.varlink.service.InvalidParameter")
    );
}
