//! Netlink messages as bytes: headers, attributes, and attributes within attributes.
//!
//! Writing only; what the kernel sends is read with `netlink-packet-core`. Headers are in the
//! machine's byte order (netlink(7)). Numbers in attributes are in network byte order in all of
//! netfilter (`linux/netfilter/nf_tables.h`), in the machine's everywhere else.

use netlink_packet_core::{NLA_F_NESTED, NLM_F_ACK, NLM_F_REQUEST};

/// Where `nlmsg_len` and `nlmsg_flags` are in `struct nlmsghdr`.
const LENGTH_AT: usize = 0;
const FLAGS_AT: usize = 6;
/// Messages and attributes begin at multiples of this.
const ALIGNMENT: usize = 4;

/// A growing row of netlink messages.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Where the newest message begins.
    newest: usize,
}

/// The head of a message: `struct nlmsghdr`, whose length is found out, and whose port is the
/// kernel's.
pub struct Head {
    pub kind: u16,
    /// Without `NLM_F_REQUEST`, which every message has.
    pub flags: u16,
    pub sequence: u32,
}

impl Writer {
    /// Appends a message: `fixed` is what stands between the head and the attributes, which `body`
    /// writes.
    pub fn message(&mut self, head: &Head, fixed: &[u8], body: impl FnOnce(&mut Self)) {
        self.newest = self.bytes.len();
        let port: u32 = 0; // the kernel
        self.bytes.extend_from_slice(&[0; 4]); // the length, known below
        self.bytes.extend_from_slice(&head.kind.to_ne_bytes());
        let flags = head.flags | NLM_F_REQUEST;
        self.bytes.extend_from_slice(&flags.to_ne_bytes());
        self.bytes.extend_from_slice(&head.sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&port.to_ne_bytes());
        self.bytes.extend_from_slice(fixed);
        body(self);
        let len = u32::try_from(self.bytes.len() - self.newest).unwrap_or(u32::MAX);
        self.put(self.newest + LENGTH_AT, len.to_ne_bytes());
    }

    /// Asks for an acknowledgement of the newest message.
    pub fn acknowledge_newest(&mut self) {
        let at = self.newest + FLAGS_AT;
        if let Some(&[low, high]) = self.bytes.get(at..at + 2) {
            let flags = u16::from_ne_bytes([low, high]) | NLM_F_ACK;
            self.put(at, flags.to_ne_bytes());
        }
    }

    /// Appends an attribute that holds `value`.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.attribute(kind, |writer| writer.bytes.extend_from_slice(value));
    }

    /// Appends an attribute that holds a number of 32 bits, in network byte order.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// Appends an attribute that holds a number of 64 bits, in network byte order.
    pub fn u64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// Appends an attribute that holds a name, with the zero byte that ends it.
    pub fn name(&mut self, kind: u16, name: &str) {
        self.attribute(kind, |writer| {
            writer.bytes.extend_from_slice(name.as_bytes());
            writer.bytes.push(0);
        });
    }

    /// Appends an attribute that holds attributes. Its length has 16 bits: `body` must not write
    /// more than 65 531 bytes, or the kernel refuses the message.
    pub fn nested(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        self.attribute(kind | NLA_F_NESTED, body);
    }

    /// The messages.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn attribute(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]); // the length, known below
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        body(self);
        let len = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.put(start, len.to_ne_bytes());
        let aligned = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(aligned, 0);
    }

    fn put<const N: usize>(&mut self, at: usize, value: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(at..at + N) {
            place.copy_from_slice(&value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_the_header_and_not_the_padding() {
        let mut writer = Writer::default();
        let head = Head {
            kind: 0x0a00,
            flags: 0,
            sequence: 7,
        };
        writer.message(&head, &[1, 0, 0, 0], |writer| {
            writer.nested(2, |writer| writer.name(1, "ab"));
        });
        writer.acknowledge_newest();
        let bytes = writer.into_bytes();
        assert_eq!(bytes.len(), 16 + 4 + 4 + 8);
        assert_eq!(bytes[..4], 32u32.to_ne_bytes());
        assert_eq!(bytes[6..8], (NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
        assert_eq!(
            bytes[20..22],
            12u16.to_ne_bytes(),
            "nested: header, and 8 within"
        );
        assert_eq!(
            bytes[24..26],
            7u16.to_ne_bytes(),
            "name: header, \"ab\" and its zero"
        );
        assert_eq!(bytes[28..], *b"ab\0\0");
    }
}
