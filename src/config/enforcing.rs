//! The keys that say what enforces bans: backends, the table of nftables, what a route does.

use super::foreign;
use super::table::{At, Table as Keys};
use super::value::{Read, Value, boolean, choice, expected, fault, integer, list, parsed};
use crate::backend::{Hook, Kind, RouteType, Table};
use crate::model::JailName;

/// `[nftables]` as written.
#[derive(Clone, Debug, Default)]
pub(super) struct TableDocument {
    name: Option<At<String>>,
    hook: Option<At<Hook>>,
    priority: Option<At<i32>>,
    owner: Option<At<bool>>,
}

impl TableDocument {
    pub fn read(keys: &mut Keys<'_>) -> Self {
        let hooks = [Hook::Prerouting, Hook::Input].map(|hook| (hook.as_str(), hook));
        Self {
            name: keys.take("table", table_name),
            hook: keys.take("hook", choice(&hooks)),
            priority: keys.take("priority", integer(Table::PRIORITIES)),
            owner: keys.take("owner", boolean),
        }
    }

    pub fn meaning(&self) -> Table {
        let default = Table::default();
        Table {
            name: value(self.name.as_ref()).unwrap_or(default.name),
            hook: value(self.hook.as_ref()).unwrap_or(default.hook),
            priority: value(self.priority.as_ref()).unwrap_or(default.priority),
            owner: value(self.owner.as_ref()).unwrap_or(default.owner),
        }
    }
}

fn value<T: Clone>(written: Option<&At<T>>) -> Option<T> {
    written.map(|at| at.value.clone())
}

fn table_name(value: &Value<'_>) -> Read<String> {
    let name: JailName = parsed(value)?;
    if name.as_str().starts_with(|c: char| c.is_ascii_digit()) {
        return expected(value, "a name that begins with a letter");
    }
    Ok(name.as_str().to_owned())
}

/// The words of ip-route(8).
pub(super) const ROUTE_TYPES: [(&str, RouteType); 3] = [
    ("blackhole", RouteType::Blackhole),
    ("unreachable", RouteType::Unreachable),
    ("prohibit", RouteType::Prohibit),
];

/// One backend or several, each once.
pub(super) fn backends(value: &Value<'_>) -> Read<Vec<Kind>> {
    let kinds = [
        ("nftables", Kind::Nftables),
        ("route", Kind::Route),
        ("dry-run", Kind::DryRun),
    ];
    if let Some(sentence) = value.get_ref().as_str().and_then(foreign::backend) {
        return fault(value, sentence);
    }
    let mut named = list(choice(&kinds))(value)?;
    named.sort_unstable();
    named.dedup();
    if named.is_empty() {
        return expected(value, "at least one backend; \"dry-run\" enforces nothing");
    }
    Ok(named)
}
