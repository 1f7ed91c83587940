//! Places in an entry, as filters write them: `json.request.ip`, `logfmt.addr`, `field._COMM`.

use toml::de::DeValue;

use super::value::{Read, Value, boolean, expected, fault, list, string, whole_number};
use crate::filter::spec::{Condition, Selector};
use crate::model::JournalMatch;

/// Conditions with the byte offsets at which they stand.
type Conditions = Vec<(Condition, usize)>;

/// `"json.request.ip"`, `"logfmt.addr"` or `"field._COMM"`.
pub(super) fn selector(value: &Value<'_>) -> Read<Selector> {
    const WHAT: &str = "\"json.MEMBER\", \"logfmt.KEY\" or \"field.NAME\"";
    let text = string(value)?;
    match text.split_once('.') {
        Some(("json", path)) if path.split('.').all(|member| !member.is_empty()) => {
            Ok(Selector::Json(path.split('.').map(str::to_owned).collect()))
        }
        Some(("logfmt", key)) if !key.is_empty() => Ok(Selector::Logfmt(key.to_owned())),
        Some(("field", name)) if is_field_name(name) => Ok(Selector::Field(name.to_owned())),
        _ => expected(value, WHAT),
    }
}

/// The name of a journal field.
pub(super) fn field_name(value: &Value<'_>) -> Read<String> {
    let name = string(value)?;
    if is_field_name(&name) {
        Ok(name)
    } else {
        expected(value, "the name of a journal field (\"_PID\")")
    }
}

/// The table `field` of a rule: `field._COMM = "sshd"`.
pub(super) fn field_conditions(value: &Value<'_>) -> Read<Conditions> {
    let Some(entries) = value.get_ref().as_table() else {
        return expected(
            value,
            "the name of a field behind it (field._COMM = \"sshd\")",
        );
    };
    let mut conditions = Vec::new();
    let mut faults = Vec::new();
    for (name, wanted) in entries {
        if !is_field_name(name.get_ref()) {
            let message = format!("\"{}\" is no journal field, as _COMM is", name.get_ref());
            faults.extend(fault::<()>(wanted, message).err().into_iter().flatten());
            continue;
        }
        match any_of(wanted, string) {
            Ok(any_of) => conditions.push((
                Condition {
                    selector: Selector::Field(name.get_ref().to_string()),
                    any_of,
                },
                wanted.span().start,
            )),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() {
        Ok(conditions)
    } else {
        Err(faults)
    }
}

/// The table `json` of a rule: `json.message = "failed"`, `json.response.status = [401, 403]`.
pub(super) fn json_conditions(value: &Value<'_>) -> Read<Conditions> {
    if !value.get_ref().is_table() {
        return expected(value, "a member behind it (json.message = \"failed\")");
    }
    below(value, &[], |path| Selector::Json(path.to_vec()))
}

/// The table `logfmt` of a rule: `logfmt.msg = "failed"`. Keys may have dots in them.
pub(super) fn logfmt_conditions(value: &Value<'_>) -> Read<Conditions> {
    if !value.get_ref().is_table() {
        return expected(value, "a key behind it (logfmt.msg = \"failed\")");
    }
    below(value, &[], |path| Selector::Logfmt(path.join(".")))
}

/// The conditions below the member `path`. TOML's own limit bounds the depth.
fn below(value: &Value<'_>, path: &[String], of: fn(&[String]) -> Selector) -> Read<Conditions> {
    let Some(entries) = value.get_ref().as_table() else {
        let condition = Condition {
            selector: of(path),
            any_of: any_of(value, scalar)?,
        };
        return Ok(vec![(condition, value.span().start)]);
    };
    let mut conditions = Vec::new();
    let mut faults = Vec::new();
    for (member, value) in entries {
        let mut path = path.to_vec();
        path.push(member.get_ref().to_string());
        match below(value, &path, of) {
            Ok(more) => conditions.extend(more),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() {
        Ok(conditions)
    } else {
        Err(faults)
    }
}

/// A text, a whole number or a truth value, as the text that they have in a message.
fn scalar(value: &Value<'_>) -> Read<String> {
    match value.get_ref() {
        DeValue::Boolean(_) => boolean(value).map(|truth| truth.to_string()),
        DeValue::Integer(_) => whole_number(value).map_or_else(
            || expected(value, "a number of 64 bits"),
            |number| Ok(number.to_string()),
        ),
        DeValue::String(_) => string(value),
        _ => expected(value, "a string, a whole number, true or false"),
    }
}

fn any_of(value: &Value<'_>, one: impl Fn(&Value<'_>) -> Read<String>) -> Read<Vec<String>> {
    let texts = list(one)(value)?;
    if texts.is_empty() {
        return fault(
            value,
            "an empty list matches nothing: write the texts that it may be",
        );
    }
    Ok(texts)
}

fn is_field_name(name: &str) -> bool {
    // The match language knows what journald takes for a field.
    !name.contains('=') && JournalMatch::from_terms([format!("{name}=").as_str()]).is_ok()
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn read<T>(document: &str, reader: impl Fn(&Value<'_>) -> Read<T>) -> Result<T, String> {
        let table = DeTable::parse(document).expect("TOML").into_inner();
        let (_, value) = table.iter().next().expect("a key");
        reader(value).map_err(|faults| format!("{faults:?}"))
    }

    fn shown(conditions: Conditions) -> Vec<String> {
        conditions
            .into_iter()
            .map(|(condition, offset)| {
                let Condition { selector, any_of } = condition;
                format!("{offset}: {selector:?} {any_of:?}")
            })
            .collect()
    }

    #[test]
    fn a_selector_names_a_field_or_a_member() {
        let json = |path: &[&str]| Selector::Json(path.iter().map(ToString::to_string).collect());
        assert_eq!(
            read("k = 'json.remoteIp'", selector),
            Ok(json(&["remoteIp"]))
        );
        assert_eq!(read("k = 'json.a.b'", selector), Ok(json(&["a", "b"])));
        assert_eq!(
            read("k = 'field._COMM'", selector),
            Ok(Selector::Field("_COMM".to_owned()))
        );
        assert_eq!(
            read("k = 'logfmt.a.b'", selector),
            Ok(Selector::Logfmt("a.b".to_owned()))
        );
        for bad in [
            "json",
            "logfmt.",
            "json.",
            "json.a..b",
            "field.comm",
            "field._COMM=x",
            "_COMM",
            "",
        ] {
            assert!(read(&format!("k = '{bad}'"), selector).is_err(), "{bad}");
        }
    }

    #[test]
    fn conditions_nest_in_json_and_not_in_fields() {
        assert_eq!(
            shown(
                read("json.a.b = 'x'\njson.c = ['y', 'z']", json_conditions).expect("conditions")
            ),
            [
                "11: Json([\"a\", \"b\"]) [\"x\"]",
                "24: Json([\"c\"]) [\"y\", \"z\"]",
            ]
        );
        assert_eq!(
            shown(read("json.a = [401, 0x10, 'x', true]", json_conditions).expect("conditions")),
            ["9: Json([\"a\"]) [\"401\", \"16\", \"x\", \"true\"]"]
        );
        assert_eq!(
            shown(read("logfmt.a.b = 'x'", logfmt_conditions).expect("a condition")),
            ["13: Logfmt(\"a.b\") [\"x\"]"]
        );
        assert_eq!(
            shown(read("field._COMM = 'x'", field_conditions).expect("a condition")),
            ["14: Field(\"_COMM\") [\"x\"]"]
        );
        for bad in [
            "field.a.b = 'x'",
            "field.comm = 'x'",
            "field = 'x'",
            "field.A = []",
        ] {
            assert!(read(bad, field_conditions).is_err(), "{bad}");
        }
        for bad in [
            "json = 'x'",
            "json.a = 5.5",
            "json.a = []",
            "json.a = [[1]]",
        ] {
            assert!(read(bad, json_conditions).is_err(), "{bad}");
        }
    }
}
