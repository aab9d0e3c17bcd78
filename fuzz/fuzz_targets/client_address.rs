//! Any bytes as the headers of proxies: the first line `X-Forwarded-For`, the second `Forwarded`, the third a named one.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use linchpin_trace::{AddressHeader, ProxyTrust};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let (xff, forwarded, named) = (lines.next(), lines.next(), lines.next());
    let private: ProxyTrust = "private".parse().unwrap();
    let by_name = private.clone().header(AddressHeader::Named("x-real-ip".into()));
    for trust in [private.clone(), by_name, ProxyTrust::hops(2)] {
        let client = trust.client_address(Some(PEER), xff, forwarded, named).expect("there is a connection");
        assert!(!client.is_multicast() && !client.is_unspecified() && client == client.to_canonical());
    }

    // Whatever stands to the left, a hop that a trusted proxy has written is the client.
    let spoofed = [xff.unwrap_or_default(), b",192.0.2.7, 10.0.0.2"].concat();
    let client = private.client_address(Some(PEER), [spoofed.as_slice()], [], []);
    assert_eq!(client, Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))));
});
