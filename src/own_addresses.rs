//! The addresses of this machine, which `ignoreself` never bans.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::{Handle, MulticastGroup};

use crate::model::canonical;

/// The addresses of all interfaces, sorted, in the network namespace of this process.
pub async fn current() -> anyhow::Result<Vec<IpAddr>> {
    OwnAddresses::watch()?.list().await
}

/// Lists the machine's addresses, and tells when they change.
pub struct OwnAddresses {
    handle: Handle,
    /// One item a notice of the kernel; what it says is not used, the list is read anew.
    notices: BoxStream<'static, ()>,
}

impl OwnAddresses {
    /// Begins to listen; needs a tokio runtime with I/O.
    pub fn watch() -> anyhow::Result<Self> {
        let groups = [MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let (connection, handle, notices) = rtnetlink::new_multicast_connection(&groups)
            .context("opening a route netlink socket for the machine's own addresses")?;
        // It ends by itself when the handle is dropped.
        tokio::spawn(connection);
        Ok(Self {
            handle,
            notices: notices.map(drop).boxed(),
        })
    }

    /// The addresses now, sorted.
    pub async fn list(&mut self) -> anyhow::Result<Vec<IpAddr>> {
        let messages: Vec<AddressMessage> = self
            .handle
            .address()
            .get()
            .execute()
            .try_collect()
            .await
            .context("listing the machine's own addresses")?;
        let sorted: BTreeSet<IpAddr> = messages.iter().filter_map(address).collect();
        Ok(sorted.into_iter().collect())
    }

    /// Waits until they may have changed; false if that will not be known any more.
    pub async fn changed(&mut self) -> bool {
        self.notices.next().await.is_some()
    }
}

/// The interface's own address: on a point-to-point link `IFA_ADDRESS` is the other end's, and
/// `IFA_LOCAL` ours (`linux/if_addr.h`); IPv6 has `IFA_LOCAL` only on such links.
fn address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(addr) => Some(*addr),
            _ => None,
        });
    let any = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Address(addr) => Some(*addr),
            _ => None,
        });
    local.or(any).map(canonical)
}
