//! Rules as the expressions that `nf_tables` evaluates: load into a register, compare, look up, act.
//!
//! Numbers are those of `linux/netfilter/nf_tables.h`, named after it.

use super::counters::{self, Count};
use super::ruleset::{Condition, Rule, Ruleset, Verdict};
use crate::backend::Protocol;
use crate::backend::netlink::attribute::Writer;

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;

/// 16 bytes, enough for an IPv6 address; each condition may use it anew.
const NFT_REG_1: u32 = 1;
const NFT_REG_VERDICT: u32 = 0;

/// Appends the expressions of `rule` as elements of `NFTA_RULE_EXPRESSIONS`.
pub(super) fn write(writer: &mut Writer, rule: &Rule, ruleset: &Ruleset) {
    for condition in &rule.conditions {
        match *condition {
            Condition::Reply => reply(writer),
            Condition::Protocol(protocol) => {
                meta(writer, NFT_META_L4PROTO);
                equals(writer, protocol_number(protocol));
            }
            Condition::PortIn { set } => {
                // The destination port is at the same place in TCP and UDP.
                payload(writer, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
                lookup(writer, ruleset, set);
            }
            Condition::SourceIn { ipv4, length, set } => {
                source(writer, ipv4, length);
                lookup(writer, ruleset, set);
            }
        }
    }
    if let Some(count) = rule.counter {
        counter(writer, count);
    }
    verdict(writer, &rule.verdict);
}

const NFT_META_NFPROTO: u32 = 15;
const NFT_META_L4PROTO: u32 = 16;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;

fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => IPPROTO_TCP,
        Protocol::Udp => IPPROTO_UDP,
    }
}

/// Loads a property of the packet.
fn meta(writer: &mut Writer, key: u32) {
    const NFTA_META_DREG: u16 = 1;
    const NFTA_META_KEY: u16 = 2;
    expression(writer, "meta", |data| {
        data.u32(NFTA_META_DREG, NFT_REG_1);
        data.u32(NFTA_META_KEY, key);
    });
}

/// The packet runs against the direction in which its connection was opened.
fn reply(writer: &mut Writer) {
    const NFTA_CT_DREG: u16 = 1;
    const NFTA_CT_KEY: u16 = 2;
    const NFT_CT_DIRECTION: u32 = 1;
    const IP_CT_DIR_REPLY: u8 = 1;
    expression(writer, "ct", |data| {
        data.u32(NFTA_CT_DREG, NFT_REG_1);
        data.u32(NFTA_CT_KEY, NFT_CT_DIRECTION);
    });
    equals(writer, IP_CT_DIR_REPLY);
}

/// Loads the first `length` bits of the source address, of packets of that IP version only.
fn source(writer: &mut Writer, ipv4: bool, length: u8) {
    // Place and size in the IP header: RFC 791, 3.1; RFC 8200, 3.
    let (nfproto, offset, size) = if ipv4 {
        (NFPROTO_IPV4, 12, 4)
    } else {
        (NFPROTO_IPV6, 8, 16)
    };
    meta(writer, NFT_META_NFPROTO);
    equals(writer, nfproto);
    payload(writer, NFT_PAYLOAD_NETWORK_HEADER, offset, size);
    let bits = 8 * size;
    if u32::from(length) < bits {
        let mask = u128::MAX
            .checked_shl(128 - u32::from(length))
            .unwrap_or_default()
            .to_be_bytes();
        mask_register(writer, size, &mask);
    }
}

const NFT_PAYLOAD_NETWORK_HEADER: u32 = 1;
const NFT_PAYLOAD_TRANSPORT_HEADER: u32 = 2;

/// Loads `len` bytes of the packet.
fn payload(writer: &mut Writer, base: u32, offset: u32, len: u32) {
    const NFTA_PAYLOAD_DREG: u16 = 1;
    const NFTA_PAYLOAD_BASE: u16 = 2;
    const NFTA_PAYLOAD_OFFSET: u16 = 3;
    const NFTA_PAYLOAD_LEN: u16 = 4;
    expression(writer, "payload", |data| {
        data.u32(NFTA_PAYLOAD_DREG, NFT_REG_1);
        data.u32(NFTA_PAYLOAD_BASE, base);
        data.u32(NFTA_PAYLOAD_OFFSET, offset);
        data.u32(NFTA_PAYLOAD_LEN, len);
    });
}

/// Clears the bits of the register that `mask` has not set; only its first `len` bytes count.
fn mask_register(writer: &mut Writer, len: u32, mask: &[u8; 16]) {
    const NFTA_BITWISE_SREG: u16 = 1;
    const NFTA_BITWISE_DREG: u16 = 2;
    const NFTA_BITWISE_LEN: u16 = 3;
    const NFTA_BITWISE_MASK: u16 = 4;
    const NFTA_BITWISE_XOR: u16 = 5;
    let bytes = usize::try_from(len).map_or(mask.len(), |len| len.min(mask.len()));
    expression(writer, "bitwise", |data| {
        data.u32(NFTA_BITWISE_SREG, NFT_REG_1);
        data.u32(NFTA_BITWISE_DREG, NFT_REG_1);
        data.u32(NFTA_BITWISE_LEN, len);
        value(data, NFTA_BITWISE_MASK, &mask[..bytes]);
        value(data, NFTA_BITWISE_XOR, &[0; 16][..bytes]);
    });
}

/// Goes on only if the register holds `byte`.
fn equals(writer: &mut Writer, byte: u8) {
    const NFTA_CMP_SREG: u16 = 1;
    const NFTA_CMP_OP: u16 = 2;
    const NFTA_CMP_DATA: u16 = 3;
    const NFT_CMP_EQ: u32 = 0;
    expression(writer, "cmp", |data| {
        data.u32(NFTA_CMP_SREG, NFT_REG_1);
        data.u32(NFTA_CMP_OP, NFT_CMP_EQ);
        value(data, NFTA_CMP_DATA, &[byte]);
    });
}

/// Goes on only if the register's content is in the set.
fn lookup(writer: &mut Writer, ruleset: &Ruleset, set: usize) {
    const NFTA_LOOKUP_SET: u16 = 1;
    const NFTA_LOOKUP_SREG: u16 = 2;
    const NFTA_LOOKUP_SET_ID: u16 = 4;
    let name = ruleset.sets.get(set).map_or("", |set| set.name.as_str());
    expression(writer, "lookup", |data| {
        data.name(NFTA_LOOKUP_SET, name);
        data.u32(NFTA_LOOKUP_SREG, NFT_REG_1);
        data.u32(NFTA_LOOKUP_SET_ID, super::message::set_id(set));
    });
}

/// Counts packets and bytes, on from `count`.
fn counter(writer: &mut Writer, count: Count) {
    expression(writer, "counter", |data| {
        data.u64(counters::NFTA_COUNTER_BYTES, count.bytes);
        data.u64(counters::NFTA_COUNTER_PACKETS, count.packets);
    });
}

fn verdict(writer: &mut Writer, verdict: &Verdict) {
    const NF_DROP: i32 = 0;
    const NF_ACCEPT: i32 = 1;
    const NFT_JUMP: i32 = -3;
    const NFT_GOTO: i32 = -4;
    const NFT_REJECT_TCP_RST: u32 = 1;
    const NFT_REJECT_ICMPX_UNREACH: u32 = 2;
    const NFT_REJECT_ICMPX_PORT_UNREACH: u8 = 1;
    match verdict {
        Verdict::Drop => immediate(writer, NF_DROP, None),
        Verdict::Accept => immediate(writer, NF_ACCEPT, None),
        Verdict::Jump(chain) => immediate(writer, NFT_JUMP, Some(chain)),
        Verdict::Goto(chain) => immediate(writer, NFT_GOTO, Some(chain)),
        Verdict::TcpReset => reject(writer, NFT_REJECT_TCP_RST, 0),
        Verdict::PortUnreachable => reject(
            writer,
            NFT_REJECT_ICMPX_UNREACH,
            NFT_REJECT_ICMPX_PORT_UNREACH,
        ),
    }
}

fn immediate(writer: &mut Writer, code: i32, chain: Option<&str>) {
    const NFTA_IMMEDIATE_DREG: u16 = 1;
    const NFTA_IMMEDIATE_DATA: u16 = 2;
    const NFTA_VERDICT_CODE: u16 = 1;
    const NFTA_VERDICT_CHAIN: u16 = 2;
    expression(writer, "immediate", |data| {
        data.u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        data.nested(NFTA_IMMEDIATE_DATA, |data| {
            data.nested(NFTA_DATA_VERDICT, |verdict| {
                verdict.bytes(NFTA_VERDICT_CODE, &code.to_be_bytes());
                if let Some(chain) = chain {
                    verdict.name(NFTA_VERDICT_CHAIN, chain);
                }
            });
        });
    });
}

fn reject(writer: &mut Writer, kind: u32, code: u8) {
    const NFTA_REJECT_TYPE: u16 = 1;
    const NFTA_REJECT_ICMP_CODE: u16 = 2;
    expression(writer, "reject", |data| {
        data.u32(NFTA_REJECT_TYPE, kind);
        data.bytes(NFTA_REJECT_ICMP_CODE, &[code]);
    });
}

fn expression(writer: &mut Writer, name: &str, data: impl FnOnce(&mut Writer)) {
    writer.nested(NFTA_LIST_ELEM, |expression| {
        expression.name(NFTA_EXPR_NAME, name);
        expression.nested(NFTA_EXPR_DATA, data);
    });
}

/// Appends an attribute that holds a register's content.
fn value(writer: &mut Writer, kind: u16, bytes: &[u8]) {
    writer.nested(kind, |data| data.bytes(NFTA_DATA_VALUE, bytes));
}
