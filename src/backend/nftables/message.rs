//! A batch of `nf_tables` messages, which the kernel carries out wholly or not at all.
//!
//! # Why not libnftnl
//!
//! The messages are built as bytes, in safe Rust. Of what the table needs, the `nftnl` crate (0.9)
//! can express tables, chains and most rules; set flags, timeouts, interval ends, lookups in a set
//! that exists already, `ct direction`, flushes, DESTROYSETELEM, generations, counters and the
//! element that an error is about all go through raw pointers of `nftnl-sys`, and its
//! `SetElemsMsg` is unsound in safe code. Writing 100 000 elements takes 2.5 ms here (the test
//! `measure_writing_elements`, `--release`) and 55 to 92 ms through libnftnl 1.2.4, for the same
//! 2.8 MB. So the program has no unsafe code, and needs neither libnftnl nor libmnl to be built.
//!
//! Numbers are those of `linux/netfilter/nf_tables.h` and nfnetlink.h, named after them.

use super::element::{Element, Key, interval};
use super::ruleset::{Chain, Ruleset, Set, SetKind};
use super::{counters, expression};
use crate::backend::netlink::attribute::{Head, Writer};
use crate::backend::{Hook, Table};

/// Messages of `nf_tables` are numbered from here: its subsystem is the upper byte.
pub(super) const NFNL_SUBSYS_NFTABLES: u16 = 10;
pub(super) const NFPROTO_INET: u8 = 1;

const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;

pub(super) const NFT_MSG_NEWTABLE: u16 = 0;
pub(super) const NFT_MSG_GETTABLE: u16 = 1;
const NFT_MSG_DELTABLE: u16 = 2;
const NFT_MSG_NEWCHAIN: u16 = 3;
const NFT_MSG_NEWRULE: u16 = 6;
pub(super) const NFT_MSG_GETRULE: u16 = 7;
const NFT_MSG_NEWSET: u16 = 9;
const NFT_MSG_NEWSETELEM: u16 = 12;
pub(super) const NFT_MSG_GETSETELEM: u16 = 13;
const NFT_MSG_DELSETELEM: u16 = 14;
pub(super) const NFT_MSG_NEWGEN: u16 = 15;
pub(super) const NFT_MSG_GETGEN: u16 = 16;
pub(super) const NFT_MSG_TRACE: u16 = 17;
const NFT_MSG_DESTROYSETELEM: u16 = 30;

/// The attribute that names the table, in every message about something in a table.
pub(super) const NFTA_TABLE: u16 = 1;
pub(super) const NFTA_GEN_ID: u16 = 1;
pub(super) const NFTA_SET_ELEM_LIST_SET: u16 = 2;
pub(super) const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;

/// Elements in one message. Their list is one attribute, whose length has 16 bits; an IPv6 element
/// with flags and timeout takes 48 bytes.
const ELEMENTS_PER_MESSAGE: usize = 1300;

/// What is to happen to elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    /// They are to be in the set. One that is there already is no error.
    Add,
    /// They are to leave the set, and are in it.
    Delete,
    /// They are to leave the set if they are in it. Linux 6.3 and later.
    Destroy,
}

/// Messages that are sent together.
pub(super) struct Batch {
    writer: Writer,
    sequence: u32,
}

/// A set is called by this number within the batch that makes it.
pub(super) fn set_id(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

impl Batch {
    /// Begins a batch whose messages are numbered from `sequence`. If `generation` is given, the
    /// kernel refuses the batch (ERESTART) if the ruleset is no longer of that generation.
    pub fn new(sequence: u32, generation: Option<u32>) -> Self {
        const NFNL_BATCH_GENID: u16 = 1;
        let mut batch = Self {
            writer: Writer::default(),
            sequence,
        };
        batch.bracket(NFNL_MSG_BATCH_BEGIN, |writer| {
            if let Some(generation) = generation {
                writer.u32(NFNL_BATCH_GENID, generation);
            }
        });
        batch
    }

    /// Ends the batch: its bytes, and the number of the message that the kernel acknowledges. That
    /// is the last one before the end: kernels before 6.10 do not acknowledge the end itself.
    pub fn finish(mut self) -> (Vec<u8>, u32) {
        let acknowledged = self.sequence.wrapping_sub(1);
        self.writer.acknowledge_newest();
        self.bracket(NFNL_MSG_BATCH_END, |_| ());
        (self.writer.into_bytes(), acknowledged)
    }

    /// Puts `ruleset` in the place of the table, whatever was in it.
    pub fn replace_table(&mut self, table: &Table, ruleset: &Ruleset) {
        // There is something to delete, in any case. (A table that an owner has left behind, and
        // that persists, is anybody's to delete.)
        self.new_table(&table.name, 0, false);
        self.delete_table(&table.name);
        self.new_table(&table.name, 0, table.owner);
        let table = &table.name;
        for chain in &ruleset.chains {
            self.chain(table, chain);
        }
        for (index, set) in ruleset.sets.iter().enumerate() {
            self.set(table, set, index);
        }
        for chain in &ruleset.chains {
            for rule in &chain.rules {
                self.rule(table, &chain.name, |writer| {
                    expression::write(writer, rule, ruleset);
                });
            }
        }
    }

    /// Removes the table, which must be there.
    pub fn delete_table(&mut self, table: &str) {
        self.message(NFT_MSG_DELTABLE, 0, |writer| writer.name(NFTA_TABLE, table));
    }

    /// Makes a table for its owner alone and deletes it again; nobody sees it meanwhile. Refused if
    /// there is a table of that name.
    pub fn try_owner(&mut self, table: &str) {
        self.new_table(table, netlink_packet_core::NLM_F_EXCL, true);
        self.delete_table(table);
    }

    /// Makes a table; one with an owner cannot be changed by others, and stays when our socket is
    /// closed.
    fn new_table(&mut self, table: &str, flags: u16, owner: bool) {
        const NFTA_TABLE_FLAGS: u16 = 2;
        const NFT_TABLE_F_OWNER: u32 = 0x2;
        const NFT_TABLE_F_PERSIST: u32 = 0x4;
        let flags = netlink_packet_core::NLM_F_CREATE | flags;
        self.message(NFT_MSG_NEWTABLE, flags, |writer| {
            writer.name(NFTA_TABLE, table);
            if owner {
                writer.u32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST);
            }
        });
    }

    /// Adds elements to a named set, or removes them.
    pub fn elements_of(&mut self, what: Elements, table: &str, set: &str, elements: &[Element]) {
        self.element_messages(what, table, set, None, elements);
    }

    /// Empties a named set.
    pub fn flush(&mut self, table: &str, set: &str) {
        self.message(NFT_MSG_DELSETELEM, 0, |writer| {
            writer.name(NFTA_TABLE, table);
            writer.name(NFTA_SET_ELEM_LIST_SET, set);
        });
    }

    fn chain(&mut self, table: &str, chain: &Chain) {
        const NFTA_CHAIN_NAME: u16 = 3;
        const NFTA_CHAIN_HOOK: u16 = 4;
        const NFTA_CHAIN_POLICY: u16 = 5;
        const NFTA_CHAIN_TYPE: u16 = 7;
        const NFTA_HOOK_HOOKNUM: u16 = 1;
        const NFTA_HOOK_PRIORITY: u16 = 2;
        const NF_INET_PRE_ROUTING: u32 = 0;
        const NF_INET_LOCAL_IN: u32 = 1;
        const NF_ACCEPT: u32 = 1;
        self.message(
            NFT_MSG_NEWCHAIN,
            netlink_packet_core::NLM_F_CREATE,
            |writer| {
                writer.name(NFTA_TABLE, table);
                writer.name(NFTA_CHAIN_NAME, &chain.name);
                if let Some((hook, priority)) = chain.base {
                    let number = match hook {
                        Hook::Prerouting => NF_INET_PRE_ROUTING,
                        Hook::Input => NF_INET_LOCAL_IN,
                    };
                    writer.nested(NFTA_CHAIN_HOOK, |hook| {
                        hook.u32(NFTA_HOOK_HOOKNUM, number);
                        hook.bytes(NFTA_HOOK_PRIORITY, &priority.to_be_bytes());
                    });
                    writer.u32(NFTA_CHAIN_POLICY, NF_ACCEPT);
                    writer.name(NFTA_CHAIN_TYPE, "filter");
                }
            },
        );
    }

    fn rule(&mut self, table: &str, chain: &str, expressions: impl FnOnce(&mut Writer)) {
        let flags = netlink_packet_core::NLM_F_CREATE | netlink_packet_core::NLM_F_APPEND;
        self.message(NFT_MSG_NEWRULE, flags, |writer| {
            writer.name(NFTA_TABLE, table);
            writer.name(counters::NFTA_RULE_CHAIN, chain);
            writer.nested(counters::NFTA_RULE_EXPRESSIONS, expressions);
        });
    }

    fn set(&mut self, table: &str, set: &Set, index: usize) {
        const NFTA_SET_NAME: u16 = 2;
        const NFTA_SET_FLAGS: u16 = 3;
        const NFTA_SET_KEY_TYPE: u16 = 4;
        const NFTA_SET_KEY_LEN: u16 = 5;
        const NFTA_SET_ID: u16 = 10;
        const NFT_SET_ANONYMOUS: u32 = 0x1;
        const NFT_SET_CONSTANT: u32 = 0x2;
        const NFT_SET_INTERVAL: u32 = 0x4;
        const NFT_SET_TIMEOUT: u32 = 0x10;
        // nft's own numbers for what a key is, by which it prints it (libnftables, datatype.h).
        const TYPE_IPADDR: u32 = 7;
        const TYPE_IP6ADDR: u32 = 8;
        const TYPE_INET_SERVICE: u32 = 13;
        let (key, len, flags) = match &set.kind {
            SetKind::Prefixes { ipv4, interval } => {
                let (key, len) = if *ipv4 {
                    (TYPE_IPADDR, 4)
                } else {
                    (TYPE_IP6ADDR, 16)
                };
                let interval = if *interval { NFT_SET_INTERVAL } else { 0 };
                (key, len, NFT_SET_TIMEOUT | interval)
            }
            SetKind::Ports(_) => (
                TYPE_INET_SERVICE,
                2,
                NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL,
            ),
        };
        self.message(
            NFT_MSG_NEWSET,
            netlink_packet_core::NLM_F_CREATE,
            |writer| {
                writer.name(NFTA_TABLE, table);
                writer.name(NFTA_SET_NAME, &set.name);
                writer.u32(NFTA_SET_FLAGS, flags);
                writer.u32(NFTA_SET_KEY_TYPE, key);
                writer.u32(NFTA_SET_KEY_LEN, len);
                writer.u32(NFTA_SET_ID, set_id(index));
            },
        );
        if let SetKind::Ports(ranges) = &set.kind {
            let elements: Vec<Element> = ranges
                .iter()
                .flat_map(|&(first, last)| {
                    interval(Key::Port(first), last.checked_add(1).map(Key::Port), None)
                })
                .collect();
            let id = Some(set_id(index));
            self.element_messages(Elements::Add, table, &set.name, id, &elements);
        }
    }

    fn element_messages(
        &mut self,
        what: Elements,
        table: &str,
        set: &str,
        id: Option<u32>,
        elements: &[Element],
    ) {
        const NFTA_SET_ELEM_LIST_SET_ID: u16 = 4;
        let (kind, flags) = match what {
            Elements::Add => (NFT_MSG_NEWSETELEM, netlink_packet_core::NLM_F_CREATE),
            Elements::Delete => (NFT_MSG_DELSETELEM, 0),
            Elements::Destroy => (NFT_MSG_DESTROYSETELEM, 0),
        };
        for part in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.message(kind, flags, |writer| {
                writer.name(NFTA_TABLE, table);
                writer.name(NFTA_SET_ELEM_LIST_SET, set);
                if let Some(id) = id {
                    writer.u32(NFTA_SET_ELEM_LIST_SET_ID, id);
                }
                writer.nested(NFTA_SET_ELEM_LIST_ELEMENTS, |list| {
                    for element in part {
                        element.write(list);
                    }
                });
            });
        }
    }

    fn message(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Writer)) {
        let head = Head {
            kind: NFNL_SUBSYS_NFTABLES << 8 | kind,
            flags,
            sequence: self.next_sequence(),
        };
        self.writer.message(&head, &generic(NFPROTO_INET, 0), body);
    }

    fn bracket(&mut self, kind: u16, body: impl FnOnce(&mut Writer)) {
        let head = Head {
            kind,
            flags: 0,
            sequence: self.next_sequence(),
        };
        self.writer
            .message(&head, &generic(0, NFNL_SUBSYS_NFTABLES), body);
    }

    fn next_sequence(&mut self) -> u32 {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        sequence
    }
}

/// `struct nfgenmsg`.
fn generic(family: u8, resource: u16) -> [u8; 4] {
    const NFNETLINK_V0: u8 = 0;
    let [high, low] = resource.to_be_bytes();
    [family, NFNETLINK_V0, high, low]
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::clock;

    #[test]
    #[ignore = "a measurement"]
    fn measure_writing_elements() {
        let elements: Vec<Element> = (0..100_000_u32)
            .map(|number| Element::single(IpAddr::from(number.to_be_bytes()), Some(3_600_000)))
            .collect();
        for _ in 0..5 {
            let start = clock::steady();
            let mut batch = Batch::new(1, None);
            batch.elements_of(Elements::Add, "journalban", "v4-a", &elements);
            let (bytes, _) = batch.finish();
            let took = clock::steady() - start;
            println!("100000 elements, {} bytes: {took:?}", bytes.len());
        }
    }
}
