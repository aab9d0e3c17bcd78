//! Vectors of the RFCs.

use linchpin_core::Reason;
use linchpin_jwt::{Algorithm, KeySet};

/// RFC 7515 A.1: HMAC SHA-256.
#[test]
fn rfc_7515_a1() {
    let keys = KeySet::builder([Algorithm::HS256])
        .jwk(r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#)
        .build()
        .unwrap();
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
        .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
        .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    let payload = keys.verify_jws(token).unwrap();

    assert_eq!(
        payload,
        b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
    );
}

/// RFC 7515 A.3: ECDSA P-256 SHA-256.
#[test]
fn rfc_7515_a3() {
    let keys = KeySet::builder([Algorithm::ES256])
        .jwk(
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        )
        .build()
        .unwrap();
    let token = "eyJhbGciOiJFUzI1NiJ9\
        .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
        .DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    assert!(keys.verify_jws(token).is_ok());
}

/// RFC 7515 A.5: the unsecured JWS.
#[test]
fn rfc_7515_a5() {
    let keys = KeySet::builder(Algorithm::ALL).secret(&[7; 64]).build().unwrap();
    let token = "eyJhbGciOiJub25lIn0\
        .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

    assert_eq!(keys.verify_jws(token).unwrap_err().reason(), Reason::AlgorithmNotAllowed);
}
