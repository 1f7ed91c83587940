//! What the kernel sends: messages, their attributes, errors, and who changed what.
//!
//! Everything read here comes from the kernel, yet nothing is taken for granted: what is too short
//! or unknown is skipped.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK_TLVS, NLM_F_CAPPED, NetlinkBuffer, NlasIterator};

use super::message::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFT_MSG_NEWGEN, NFT_MSG_TRACE, NFTA_DATA_VALUE,
    NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET, NFTA_TABLE,
};

const HEADER_LEN: usize = 16;
/// `struct nfgenmsg`, between the header and the attributes.
const GENERIC_LEN: usize = 4;
/// `struct nlattr`, before the content of an attribute.
const ATTRIBUTE_LEN: usize = 4;

/// One message.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
    /// On whose request it was sent.
    pub port: u32,
    pub payload: &'a [u8],
}

/// The messages of a datagram.
pub(super) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let buffer = NetlinkBuffer::new_checked(datagram).ok()?;
        let len = usize::try_from(buffer.length()).ok()?;
        datagram = datagram.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Message {
            kind: buffer.message_type(),
            flags: buffer.flags(),
            sequence: buffer.sequence_number(),
            port: buffer.port_number(),
            payload: buffer.payload(),
        })
    })
}

/// The attributes in `bytes`, as kind and content.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(|attribute| {
        let attribute = attribute.ok()?;
        let (kind, len) = (attribute.kind(), usize::from(attribute.length()));
        Some((kind, attribute.into_inner().get(ATTRIBUTE_LEN..len)?))
    })
}

/// The content of the first attribute of that kind.
pub(super) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(found, content)| (found == kind).then_some(content))
}

/// A name without the zero byte that ends it.
pub(super) fn name(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()?.strip_suffix('\0')
}

/// A number in network byte order.
pub(super) fn u32_of(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

/// A number in network byte order.
pub(super) fn u64_of(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

impl<'a> Message<'a> {
    /// Its number among the messages of `nf_tables`, if it is one.
    pub fn nf_tables(&self) -> Option<u16> {
        (self.kind >> 8 == NFNL_SUBSYS_NFTABLES).then_some(self.kind & 0xff)
    }

    /// The attributes of a message of `nf_tables`.
    pub fn attributes(&self) -> &'a [u8] {
        self.payload.get(GENERIC_LEN..).unwrap_or_default()
    }

    /// Whether it tells of a change to `table` that was not made by `port`.
    pub fn tells_of_another(&self, table: &str, port: u32) -> bool {
        // Their first attribute is no table name (a generation), or no change (a trace).
        let about_table = self
            .nf_tables()
            .is_some_and(|kind| kind != NFT_MSG_NEWGEN && kind != NFT_MSG_TRACE);
        let family = self.payload.first() == Some(&NFPROTO_INET);
        about_table
            && family
            && self.port != port
            && attribute(self.attributes(), NFTA_TABLE).and_then(name) == Some(table)
    }

    /// The error code of an acknowledgement (zero is success), and where in the refused message
    /// the attribute is that it is about, in bytes.
    pub fn acknowledgement(&self) -> Option<(i32, Option<usize>)> {
        const NLMSGERR_ATTR_OFFS: u16 = 2;
        let code = i32::from_ne_bytes(self.payload.get(..4)?.try_into().ok()?);
        let offset = (self.flags & NLM_F_ACK_TLVS != 0)
            .then(|| {
                let echoed = if self.flags & NLM_F_CAPPED != 0 {
                    HEADER_LEN
                } else {
                    let len = self.payload.get(4..8)?.try_into().ok()?;
                    usize::try_from(u32::from_ne_bytes(len))
                        .ok()?
                        .next_multiple_of(4)
                };
                let offset = attribute(self.payload.get(4 + echoed..)?, NLMSGERR_ATTR_OFFS)?;
                usize::try_from(u32::from_ne_bytes(offset.try_into().ok()?)).ok()
            })
            .flatten();
        Some((code, offset))
    }
}

/// Says in words what is at `offset` of the message numbered `sequence` in `batch`, as far as it is
/// about a set: "198.51.100.7 of set v4-sshd".
pub(super) fn place(batch: &[u8], sequence: u32, offset: Option<usize>) -> Option<String> {
    let message = messages(batch).find(|message| message.sequence == sequence)?;
    let content = message.attributes();
    let set = name(attribute(content, NFTA_SET_ELEM_LIST_SET)?)?;
    let elements = attribute(content, NFTA_SET_ELEM_LIST_ELEMENTS)?;
    // The kernel points at the start of the element, counted from the start of the message.
    let within = offset.and_then(|offset| {
        let before = elements.as_ptr().addr() - message.payload.as_ptr().addr() + HEADER_LEN;
        offset.checked_sub(before)
    });
    let element = within
        .and_then(|within| elements.get(within..))
        .and_then(|rest| attributes(rest).next())
        .and_then(|(_, element)| address(element));
    Some(match element {
        Some(address) => format!("{address} of set {set}"),
        None => format!("set {set}"),
    })
}

fn address(element: &[u8]) -> Option<IpAddr> {
    let value = attribute(attribute(element, NFTA_SET_ELEM_KEY)?, NFTA_DATA_VALUE)?;
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(IpAddr::from(octets));
    }
    <[u8; 16]>::try_from(value).ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use super::super::message::{Batch, Element, Elements, NFT_MSG_NEWTABLE};
    use super::*;

    #[test]
    fn an_error_names_its_element() {
        let mut batch = Batch::new(5, None);
        let elements: Vec<_> = (1..=3)
            .map(|host| Element::single(IpAddr::from([192, 0, 2, host]), Some(1000)))
            .collect();
        batch.elements_of(Elements::Add, "journalban", "v4-a", &elements);
        let (bytes, acknowledged) = batch.finish();
        assert_eq!(acknowledged, 6);
        let second = bytes
            .windows(4)
            .position(|window| window == [192, 0, 2, 2])
            .expect("is in there");
        let begin = messages(&bytes).next().expect("a message").payload.len() + HEADER_LEN;
        // The address is behind the headers of its value, its key and its element.
        let offset = second - begin - 3 * 4;
        assert_eq!(
            place(&bytes, 6, Some(offset)).as_deref(),
            Some("192.0.2.2 of set v4-a")
        );
        assert_eq!(place(&bytes, 6, None).as_deref(), Some("set v4-a"));
        assert_eq!(place(&bytes, 5, None), None);
    }

    #[test]
    fn only_changes_of_others_to_our_table_count() {
        let attributes = [16, 0, 1, 0].into_iter().chain(*b"journalban\0\0");
        let payload: Vec<u8> = [NFPROTO_INET, 0, 0, 0]
            .into_iter()
            .chain(attributes)
            .collect();
        let mut content = payload.clone();
        content[4] = 15; // the length without padding
        let message = |kind: u16, port: u32| Message {
            kind: NFNL_SUBSYS_NFTABLES << 8 | kind,
            flags: 0,
            sequence: 0,
            port,
            payload: &content,
        };
        assert!(message(NFT_MSG_NEWTABLE, 7).tells_of_another("journalban", 8));
        assert!(!message(NFT_MSG_NEWTABLE, 8).tells_of_another("journalban", 8));
        assert!(!message(NFT_MSG_NEWTABLE, 7).tells_of_another("filter", 8));
        assert!(!message(NFT_MSG_NEWGEN, 7).tells_of_another("journalban", 8));
    }

    #[test]
    fn what_is_cut_short_is_skipped() {
        let mut batch = Batch::new(1, None);
        batch.flush("journalban", "v4-a");
        let (bytes, _) = batch.finish();
        for len in 0..bytes.len() {
            for message in messages(&bytes[..len]) {
                for (_, content) in attributes(message.attributes()) {
                    attributes(content).for_each(drop);
                }
                assert!(
                    message
                        .acknowledgement()
                        .is_none_or(|(_, offset)| offset.is_none())
                );
            }
        }
    }
}
