//! The key `action`: what happens to packets of who is banned. What other programs call an action is
//! often a hook here, and is answered with its name.

use super::value::{Read, Value, choice, fault};
use crate::backend::Action;

/// `"reject"` or `"drop"`.
pub(super) fn action(value: &Value<'_>) -> Read<Action> {
    if let Some(sentence) = value.get_ref().as_str().and_then(elsewhere) {
        return fault(value, sentence);
    }
    choice(&[("reject", Action::Reject), ("drop", Action::Drop)])(value)
}

/// What to say of an action that is a command in other programs.
fn elsewhere(word: &str) -> Option<&'static str> {
    let name = word.trim_start_matches("%(").split([')', '[']).next()?;
    Some(match name {
        "action_" | "iptables" | "iptables-multiport" | "iptables-allports" | "nftables"
        | "nftables-multiport" | "nftables-allports" | "firewallcmd-ipset" | "ufw" => {
            "leave it out: nftables bans; action is \"reject\" or \"drop\""
        }
        "action_mw" | "mail-whois" | "sendmail-whois" => {
            "mail is a hook: write hooks = [\"mail-whois\"]"
        }
        "action_mwl" | "mail-whois-lines" | "sendmail-whois-lines" => {
            "mail is a hook: write hooks = [\"mail-whois-lines\"]"
        }
        "mail" | "mail-buffered" | "sendmail" | "sendmail-buffered" => {
            "mail is a hook: write hooks = [\"mail\"]"
        }
        "action_cf_mwl" => "these are hooks: write hooks = [\"cloudflare\", \"mail-whois-lines\"]",
        "cloudflare" | "cloudflare-token" => "that is a hook: write hooks = [\"cloudflare\"]",
        "action_abuseipdb" | "abuseipdb" => "that is a hook: write hooks = [\"abuseipdb\"]",
        _ => return None,
    })
}
