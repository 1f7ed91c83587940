//! What `nf_tables` sends: who changed what, and what an error is about.

use std::net::IpAddr;

use super::element::{NFTA_DATA_VALUE, NFTA_SET_ELEM_KEY};
use super::message::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFT_MSG_NEWGEN, NFT_MSG_TRACE, NFTA_SET_ELEM_LIST_ELEMENTS,
    NFTA_SET_ELEM_LIST_SET, NFTA_TABLE,
};
use crate::backend::netlink::reading::{
    HEADER_LEN, Message, attribute, attributes, messages, name,
};

/// `struct nfgenmsg`, between the header and the attributes.
const GENERIC_LEN: usize = 4;

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

/// The address of an element.
pub(super) fn address(element: &[u8]) -> Option<IpAddr> {
    let value = attribute(attribute(element, NFTA_SET_ELEM_KEY)?, NFTA_DATA_VALUE)?;
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(IpAddr::from(octets));
    }
    <[u8; 16]>::try_from(value).ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use super::super::element::Element;
    use super::super::message::{Batch, Elements, NFT_MSG_NEWTABLE};
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
}
