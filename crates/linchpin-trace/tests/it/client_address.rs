//! Whose address counts: the rows that the Open edX packages test, and where ours differ.

use std::net::IpAddr;

use linchpin_trace::{AddressHeader, ProxyTrust};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn trust(text: &str) -> ProxyTrust {
    text.parse().unwrap()
}

/// By `X-Forwarded-For` alone, one value a header line.
fn by_xff(trust: &ProxyTrust, xff: &[&str], peer: &str) -> String {
    let client = trust.client_address(Some(ip(peer)), xff.iter().map(|value| value.as_bytes()), [], []);
    client.unwrap().to_string()
}

fn by_forwarded(trust: &ProxyTrust, forwarded: &[&str], peer: &str) -> String {
    let client = trust.client_address(Some(ip(peer)), [], forwarded.iter().map(|value| value.as_bytes()), []);
    client.unwrap().to_string()
}

#[test]
fn nobody_is_trusted_by_default() {
    let nobody = ProxyTrust::default();

    assert_eq!(by_xff(&nobody, &["6.6.6.6"], "10.0.0.1"), "10.0.0.1");
    assert_eq!(by_forwarded(&nobody, &["for=6.6.6.6"], "127.0.0.1"), "127.0.0.1");
    assert_eq!(nobody.client_address(None, [b"6.6.6.6".as_slice()], [], []), None);
    assert_eq!(by_xff(&nobody, &[], "::ffff:192.0.2.7"), "192.0.2.7");
    assert_eq!(ProxyTrust::networks([]), nobody);
    assert_eq!(ProxyTrust::hops(0), nobody);
}

#[test]
fn private_proxies_are_passed_from_the_right() {
    let rows: &[(&[&str], &str, &str)] = &[
        // 1.2.3.4 client, 10.0.3.0 load balancer, 127.0.0.2 local proxy, 7.8.9.0 spoofed
        (&["7.8.9.0, 1.2.3.4, 10.0.3.0"], "127.0.0.2", "1.2.3.4"),
        (&["6.6.6.6, JUNK, 7.8.9.0, JUNK, 1.2.3.4"], "10.0.3.0", "1.2.3.4"),
        (&["7.8.9.0"], "1.2.3.4", "1.2.3.4"),
        (&["JUNK, 1:2:3:4::"], "10.0.0.1", "1:2:3:4::"),
        (&[], "10.0.0.1", "10.0.0.1"),
        (&[""], "10.0.0.1", "10.0.0.1"),
        (&["JUNK"], "10.0.0.1", "10.0.0.1"),
        (&["1.2.3.4, JUNK"], "10.0.0.1", "10.0.0.1"),
        (&["1.2.3.4, JUNK, 10.0.0.9"], "10.0.0.1", "10.0.0.9"),
        // all private: the leftmost that can be read
        (&["10.9.9.9, 192.168.0.1"], "127.0.0.2", "10.9.9.9"),
        // ours: ports and brackets are taken off, empty items are skipped
        (&["1.2.3.4:5678"], "10.0.0.1", "1.2.3.4"),
        (&["[2001:4860::1]"], "10.0.0.1", "2001:4860::1"),
        (&["[2001:4860::1]:443"], "10.0.0.1", "2001:4860::1"),
        (&["1.2.3.4,"], "10.0.0.1", "1.2.3.4"),
        (&[" , ,1.2.3.4 , ,"], "10.0.0.1", "1.2.3.4"),
        // ours: a mapped address is what it is, also as a proxy
        (&["::ffff:1.2.3.4"], "10.0.0.1", "1.2.3.4"),
        (&["1.2.3.4, ::ffff:10.0.3.0"], "::ffff:10.0.0.1", "1.2.3.4"),
        // ours: what sends no requests is no client
        (&["8.8.8.8, 224.0.0.1"], "10.0.0.1", "10.0.0.1"),
        (&["8.8.8.8, 0.0.0.0"], "10.0.0.1", "10.0.0.1"),
        (&["8.8.8.8, 255.255.255.255"], "10.0.0.1", "10.0.0.1"),
        (&["8.8.8.8, ff02::1"], "10.0.0.1", "10.0.0.1"),
        (&["010.1.1.1, 8.8.8.8"], "10.0.0.1", "8.8.8.8"),
        (&["8.8.8.8, 010.1.1.1"], "10.0.0.1", "10.0.0.1"),
        // several lines are one list
        (&["6.6.6.6", "1.2.3.4", "10.0.3.0"], "10.0.0.1", "1.2.3.4"),
        // what looks like an address and is none
        (&["1.2.3.4:"], "10.0.0.1", "10.0.0.1"),
        (&["1.2.3.4:99999"], "10.0.0.1", "10.0.0.1"),
        (&["1.2.3.4:+80"], "10.0.0.1", "10.0.0.1"),
        (&["[1.2.3.4]"], "10.0.0.1", "10.0.0.1"),
        (&["[2001:4860::1"], "10.0.0.1", "10.0.0.1"),
        (&["[2001:4860::1]x"], "10.0.0.1", "10.0.0.1"),
        (&["fe80::1%eth0"], "10.0.0.1", "10.0.0.1"),
        (&["1.2.3.4 5.6.7.8"], "10.0.0.1", "10.0.0.1"),
        (&["0x1.2.3.4"], "10.0.0.1", "10.0.0.1"),
        (&["\u{e4}"], "10.0.0.1", "10.0.0.1"),
    ];
    for (xff, peer, client) in rows {
        assert_eq!(by_xff(&trust("private"), xff, peer), *client, "{xff:?} from {peer}");
    }
}

#[test]
fn a_count_of_hops_says_where_the_client_stands() {
    let xff = &["6.6.6.6, 1.2.3.4, 5.5.5.5"];

    assert_eq!(by_xff(&trust("1"), xff, "5.5.5.9"), "5.5.5.5");
    assert_eq!(by_xff(&trust("2"), xff, "5.5.5.9"), "1.2.3.4");
    assert_eq!(by_xff(&trust("3"), xff, "5.5.5.9"), "6.6.6.6");
    assert_eq!(by_xff(&trust("9"), xff, "5.5.5.9"), "6.6.6.6");
    assert_eq!(by_xff(&trust("2"), &["1.2.3.4, JUNK, 5.5.5.5"], "5.5.5.9"), "5.5.5.5");
    assert_eq!(by_xff(&trust("0"), xff, "5.5.5.9"), "5.5.5.9");
    // A socket without addresses, behind one proxy.
    assert_eq!(trust("1").client_address(None, [b"1.2.3.4".as_slice()], [], []), Some(ip("1.2.3.4")));
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    let rows: &[(&[&str], &str)] = &[
        (&["for=1.2.3.4"], "1.2.3.4"),
        (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
        (&["for=1.2.3.4;proto=http;by=203.0.113.43"], "1.2.3.4"),
        (&["proto=https;FOR=\"1.2.3.4:_port\" ; host=\"a,b;c\\\"d\""], "1.2.3.4"),
        (&["for=6.6.6.6, for=1.2.3.4, for=10.0.3.0"], "1.2.3.4"),
        (&["for=6.6.6.6", "for=1.2.3.4,for=10.0.3.0"], "1.2.3.4"),
        (&["for=1.2.3.4:80"], "1.2.3.4"),
        (&[", for=1.2.3.4,,"], "1.2.3.4"),
        // a hop without an address ends the walk
        (&["for=1.2.3.4, for=unknown"], "10.0.0.1"),
        (&["for=1.2.3.4, for=_hidden, for=10.0.3.0"], "10.0.3.0"),
        (&["for=1.2.3.4, proto=https"], "10.0.0.1"),
        // malformed lines are not guessed at
        (&["for=1.2.3.4;for=5.6.7.8"], "10.0.0.1"),
        (&["for=unknown;for=5.6.7.8"], "10.0.0.1"),
        (&["for"], "10.0.0.1"),
        (&["for="], "10.0.0.1"),
        (&["for =1.2.3.4"], "10.0.0.1"),
        (&["for=\"1.2.3.4"], "10.0.0.1"),
        (&["for=\"1.2.3.4\"x"], "10.0.0.1"),
        (&["=1.2.3.4"], "10.0.0.1"),
        // a quote that is left open swallows what the proxy has added, and nothing is believed
        (&["for=6.6.6.6;x=\", for=1.2.3.4"], "10.0.0.1"),
        (&["for=6.6.6.6;x=\", for=\"[2001:db8::1]\""], "10.0.0.1"),
        (&["for=6.6.6.6;x=\"\\, for=\"[2001:db8::1]\";by=\"a\""], "10.0.0.1"),
    ];
    for (forwarded, client) in rows {
        assert_eq!(by_forwarded(&trust("private"), forwarded, "10.0.0.1"), *client, "{forwarded:?}");
    }
}

#[test]
fn two_headers_that_disagree_leave_the_connection_alone() {
    let both = |trust: &ProxyTrust, xff: &str, forwarded: &str| {
        trust
            .client_address(Some(ip("10.0.0.1")), [xff.as_bytes()], [forwarded.as_bytes()], [])
            .unwrap()
            .to_string()
    };
    let either = trust("private");

    assert_eq!(both(&either, "1.2.3.4", "for=1.2.3.4"), "1.2.3.4");
    assert_eq!(both(&either, "1.2.3.4", "for=6.6.6.6"), "10.0.0.1");
    assert_eq!(both(&either, "6.6.6.6", "junk"), "10.0.0.1");
    assert_eq!(
        both(&either.clone().header(AddressHeader::XForwardedFor), "1.2.3.4", "for=6.6.6.6"),
        "1.2.3.4"
    );
    assert_eq!(both(&either.header(AddressHeader::Forwarded), "6.6.6.6", "for=1.2.3.4"), "1.2.3.4");
}

#[test]
fn a_named_header_counts_once_and_from_a_trusted_proxy_only() {
    let trust = trust("10.0.0.0/8").header("CF-Connecting-IP".parse().unwrap());
    let named = |peer: &str, values: &[&str]| {
        let values = values.iter().map(|value| value.as_bytes());
        trust.client_address(Some(ip(peer)), [b"6.6.6.6".as_slice()], [], values).unwrap().to_string()
    };

    assert_eq!(named("10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
    assert_eq!(named("10.0.0.1", &[" [2001:db8::1]:80 "]), "2001:db8::1");
    assert_eq!(named("5.5.5.5", &["1.2.3.4"]), "5.5.5.5");
    for values in [&[][..], &[""], &["JUNK"], &["1.2.3.4, 5.6.7.8"], &["1.2.3.4", "1.2.3.4"], &["224.0.0.1"]]
    {
        assert_eq!(named("10.0.0.1", values), "10.0.0.1", "{values:?}");
    }
}

#[test]
fn a_chain_of_thousands_is_walked_64_hops_and_no_further() {
    let long = format!("1.2.3.4{}", ", 10.0.0.2".repeat(63));
    let longer = format!("1.2.3.4{}", ", 10.0.0.2".repeat(10_000));
    let forwarded = format!("for=1.2.3.4{}", ", for=10.0.0.2".repeat(10_000));
    let junk = "x".repeat(64 * 1024);

    assert_eq!(by_xff(&trust("private"), &[&long], "10.0.0.1"), "1.2.3.4");
    assert_eq!(by_xff(&trust("private"), &[&longer], "10.0.0.1"), "10.0.0.2");
    assert_eq!(by_xff(&trust("private"), &["10.0.0.2"; 5000], "10.0.0.1"), "10.0.0.2");
    assert_eq!(by_forwarded(&trust("private"), &[&forwarded], "10.0.0.1"), "10.0.0.1");
    assert_eq!(by_xff(&trust("private"), &[&junk], "10.0.0.1"), "10.0.0.1");
}

#[test]
fn wrong_settings_are_all_reported() {
    let error = "10.0.0.0/33, private, , example.org".parse::<ProxyTrust>().unwrap_err();

    assert_eq!(error.problems().len(), 3, "{error}");
    assert!("65".parse::<ProxyTrust>().is_err());
    assert!("-1".parse::<ProxyTrust>().is_err());
    assert!("a b".parse::<AddressHeader>().is_err());
}
