//! Elements of sets, as they are written into messages.
//!
//! Numbers are those of `linux/netfilter/nf_tables.h`, named after them.

use std::net::IpAddr;

use crate::backend::netlink::attribute::Writer;

/// An element of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub key: Key,
    /// Not the first element of an interval, but the first behind it.
    pub end: bool,
    /// Milliseconds until the kernel removes it; never if `None`.
    pub timeout: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Address(IpAddr),
    Port(u16),
}

/// The elements of an interval set that stand for `first` up to what is before `behind`; `None` is
/// the end of the address space.
pub(super) fn interval(
    first: Key,
    behind: Option<Key>,
    timeout: Option<u64>,
) -> impl Iterator<Item = Element> {
    let first = Element {
        key: first,
        end: false,
        timeout,
    };
    let end = behind.map(|key| Element {
        key,
        end: true,
        timeout: None,
    });
    std::iter::once(first).chain(end)
}

pub(super) const NFTA_LIST_ELEM: u16 = 1;
pub(super) const NFTA_SET_ELEM_KEY: u16 = 1;
pub(super) const NFTA_SET_ELEM_FLAGS: u16 = 3;
pub(super) const NFT_SET_ELEM_INTERVAL_END: u32 = 1;
pub(super) const NFTA_DATA_VALUE: u16 = 1;

impl Element {
    /// An element of a hash set.
    pub fn single(addr: IpAddr, timeout: Option<u64>) -> Self {
        Self {
            key: Key::Address(addr),
            end: false,
            timeout,
        }
    }

    /// Appends it to the elements of a message.
    pub fn write(&self, list: &mut Writer) {
        const NFTA_SET_ELEM_TIMEOUT: u16 = 4;
        list.nested(NFTA_LIST_ELEM, |element| {
            element.nested(NFTA_SET_ELEM_KEY, |key| match self.key {
                Key::Address(IpAddr::V4(addr)) => key.bytes(NFTA_DATA_VALUE, &addr.octets()),
                Key::Address(IpAddr::V6(addr)) => key.bytes(NFTA_DATA_VALUE, &addr.octets()),
                Key::Port(port) => key.bytes(NFTA_DATA_VALUE, &port.to_be_bytes()),
            });
            if self.end {
                element.u32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
            }
            if let Some(timeout) = self.timeout {
                element.u64(NFTA_SET_ELEM_TIMEOUT, timeout);
            }
        });
    }
}
