//! What the kernel sends: messages, their attributes, and what became of a request.
//!
//! Everything read here comes from the kernel, yet nothing is taken for granted: what is too short
//! or unknown is skipped.

use netlink_packet_core::{NLM_F_ACK_TLVS, NLM_F_CAPPED, NetlinkBuffer, NlasIterator};

/// The length of `struct nlmsghdr`.
pub const HEADER_LEN: usize = 16;
/// `struct nlattr`, before the content of an attribute.
const ATTRIBUTE_LEN: usize = 4;

/// One message.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
    /// On whose request it was sent.
    pub port: u32,
    pub payload: &'a [u8],
}

/// The messages of a datagram.
pub fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
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
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(|attribute| {
        let attribute = attribute.ok()?;
        let (kind, len) = (attribute.kind(), usize::from(attribute.length()));
        Some((kind, attribute.into_inner().get(ATTRIBUTE_LEN..len)?))
    })
}

/// The content of the first attribute of that kind.
pub fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(found, content)| (found == kind).then_some(content))
}

/// A name without the zero byte that ends it.
pub fn name(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()?.strip_suffix('\0')
}

/// A number in network byte order.
pub fn u32_of(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

/// A number in network byte order.
pub fn u64_of(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

impl Message<'_> {
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

#[cfg(test)]
mod tests {
    use super::super::attribute::{Head, Writer};
    use super::*;

    #[test]
    fn what_is_cut_short_is_skipped() {
        let mut writer = Writer::default();
        let head = Head {
            kind: 1,
            flags: 0,
            sequence: 1,
        };
        writer.message(&head, &[], |writer| {
            writer.nested(1, |writer| writer.name(2, "v4-a"));
            writer.u32(3, 4);
        });
        let bytes = writer.into_bytes();
        for len in 0..bytes.len() {
            for message in messages(&bytes[..len]) {
                for (_, content) in attributes(message.payload) {
                    attributes(content).for_each(drop);
                }
                assert!(
                    message
                        .acknowledgement()
                        .is_none_or(|(_, offset)| offset.is_none())
                );
            }
        }
        let whole = messages(&bytes).next().expect("a message");
        assert_eq!(attribute(whole.payload, 3).and_then(u32_of), Some(4));
    }
}
