//! Places in an entry, as filters write them: `json.request.ip`, `field._COMM`.

use super::value::{Read, Value, expected, fault, list, string};
use crate::filter::spec::{Condition, Selector};
use crate::model::JournalMatch;

/// Conditions with the byte offsets at which they stand.
type Conditions = Vec<(Condition, usize)>;

/// `"json.request.ip"` or `"field._COMM"`.
pub(super) fn selector(value: &Value<'_>) -> Read<Selector> {
    const WHAT: &str = "\"json.MEMBER\" or \"field.NAME\"";
    let text = string(value)?;
    match text.split_once('.') {
        Some(("json", path)) if path.split('.').all(|member| !member.is_empty()) => {
            Ok(Selector::Json(path.split('.').map(str::to_owned).collect()))
        }
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
        match any_of(wanted) {
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

/// The table `json` of a rule: `json.message = "failed"`, `json.request.method = ["PUT", "POST"]`.
pub(super) fn json_conditions(value: &Value<'_>) -> Read<Conditions> {
    if !value.get_ref().is_table() {
        return expected(value, "a member behind it (json.message = \"failed\")");
    }
    below(value, &[])
}

/// The conditions below the member `path`. TOML's own limit bounds the depth.
fn below(value: &Value<'_>, path: &[String]) -> Read<Conditions> {
    let Some(entries) = value.get_ref().as_table() else {
        let condition = Condition {
            selector: Selector::Json(path.to_vec()),
            any_of: any_of(value)?,
        };
        return Ok(vec![(condition, value.span().start)]);
    };
    let mut conditions = Vec::new();
    let mut faults = Vec::new();
    for (member, value) in entries {
        let mut path = path.to_vec();
        path.push(member.get_ref().to_string());
        match below(value, &path) {
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

fn any_of(value: &Value<'_>) -> Read<Vec<String>> {
    let texts = list(string)(value)?;
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
        for bad in [
            "json",
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
        for bad in ["json = 'x'", "json.a = 5", "json.a = []"] {
            assert!(read(bad, json_conditions).is_err(), "{bad}");
        }
    }
}
