//! The machine's own addresses, as the kernel lists them.

use std::net::IpAddr;
use std::time::Duration;

use journalban::own_addresses::{OwnAddresses, current};

use crate::support::namespace::Namespace;

#[test]
fn own_addresses_are_listed_and_watched() {
    let Some(namespace) = Namespace::new() else {
        return;
    };
    namespace.ip("addr add 192.0.2.1/24 dev lo");
    namespace.ip("addr add 198.51.100.1 peer 198.51.100.2 dev lo");
    namespace.ip("addr add 2001:db8::1/64 dev lo nodad");
    namespace.run(|| {
        let addresses = |texts: &[&str]| -> Vec<IpAddr> {
            texts
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let own = [
                "127.0.0.1",
                "192.0.2.1",
                "198.51.100.1",
                "::1",
                "2001:db8::1",
            ];
            assert_eq!(
                current().await.expect("listed"),
                addresses(&own),
                "ours, not the peer's"
            );
            let mut watch = OwnAddresses::watch().expect("a socket");
            namespace.ip("addr del 2001:db8::1/64 dev lo");
            let changed = tokio::time::timeout(Duration::from_secs(5), watch.changed());
            assert_eq!(changed.await, Ok(true));
            assert_eq!(watch.list().await.expect("listed"), addresses(&own[..4]));
        });
    });
}
