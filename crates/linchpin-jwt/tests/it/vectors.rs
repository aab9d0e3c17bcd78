//! Vectors of the RFCs, and of project Wycheproof.

use std::{env, fs};

use linchpin_core::Reason;
use linchpin_jwt::{Algorithm, KeyErrorKind, KeyRules, KeySet, KeySetError};
use serde_json::{Value, json};

/// The payload of the token under the key, with every algorithm allowed.
fn verify(jwk: &str, token: &str) -> Result<Vec<u8>, Reason> {
    let keys = KeySet::builder(Algorithm::ALL).jwk(jwk).build().unwrap();
    keys.verify_jws(token).map_err(|refusal| refusal.reason())
}

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

/// RFC 7515 A.2: RSASSA-PKCS1-v1_5 SHA-256.
#[test]
fn rfc_7515_a2() {
    let jwk = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
    let token = "eyJhbGciOiJSUzI1NiJ9\
        .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
        .cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF\
        9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOL\
        n6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVr\
        Bp0igcN_IoypGlUPQGe77Rw";

    assert!(verify(jwk, token).is_ok());
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

/// RFC 7515 A.4: ECDSA P-521 SHA-512.
#[test]
fn rfc_7515_a4() {
    let jwk = r#"{"kty":"EC","crv":"P-521",
        "x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;
    let token = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA\
        .AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD\
        2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";

    assert_eq!(verify(jwk, token).unwrap(), b"Payload");
}

/// RFC 7515 A.5: the unsecured JWS.
#[test]
fn rfc_7515_a5() {
    let keys = KeySet::builder(Algorithm::ALL).secret(&[7; 64]).build().unwrap();
    let token = "eyJhbGciOiJub25lIn0\
        .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

    assert_eq!(keys.verify_jws(token).unwrap_err().reason(), Reason::AlgorithmNotAllowed);
}

/// The payload of RFC 7520 section 4.
const FRODO: &str = "It\u{2019}s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't \
    keep your feet, there\u{2019}s no knowing where you might be swept off to.";

const BILBO_RSA: &str = r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#;

/// RFC 7520 sections 4.1 to 4.4: RS256, PS384, ES512 and HS256.
#[test]
fn rfc_7520_4() {
    const PAYLOAD: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0a\
        GUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3\
        ZXB0IG9mZiB0by4";
    let cases = [
        (
            BILBO_RSA,
            "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
            "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BD\
             koBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9U\
             zpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84\
             ogoree7vjbU5y18kDquDg",
        ),
        (
            BILBO_RSA,
            "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
            "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1O\
             LPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9s\
             hnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWj\
             wZ6oD4ifKo8DYM-X72Eaw",
        ),
        (
            r#"{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521",
                "x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
                "y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#,
            "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
            "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjn\
             AMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
        ),
        (
            r#"{"kty":"oct","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037","use":"sig","alg":"HS256",
                "k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}"#,
            "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
            "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
        ),
    ];
    for (jwk, header, signature) in cases {
        assert_eq!(
            verify(jwk, &format!("{header}.{PAYLOAD}.{signature}")).unwrap(),
            FRODO.as_bytes(),
            "{header}"
        );
    }
}

/// RFC 8037 A.4 and A.5: Ed25519.
#[test]
fn rfc_8037_a4_a5() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc\
        .hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    assert_eq!(verify(jwk, token).unwrap(), b"Example of Ed25519 signing");
}

/// A file of our own in the format of Wycheproof: it shows that the loader finds what it is there to find.
#[test]
fn wycheproof_format_is_read() {
    let file = include_str!("wycheproof.json");

    assert_eq!(run_wycheproof(file), Ok(6));
    let lies = [
        file.replacen(r#""result": "valid""#, r#""result": "invalid""#, 1),
        file.replacen(r#""result": "invalid""#, r#""result": "valid""#, 1),
    ];
    for lie in lies {
        assert_eq!(run_wycheproof(&lie).unwrap_err().len(), 1);
    }
}

/// The files of project Wycheproof are in no registry: `json_web_signature_test.json` and `json_web_key_test.json` stand in
/// the folder `testvectors_v1` of <https://github.com/C2SP/wycheproof>. `WYCHEPROOF_JOSE` names one of them.
#[test]
fn wycheproof() {
    let Some(path) = env::var_os("WYCHEPROOF_JOSE") else { return };
    let file = fs::read_to_string(&path).expect("WYCHEPROOF_JOSE names a file that can be read");

    let ran = run_wycheproof(&file).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")));

    assert!(ran > 0, "no test in {}", path.display());
}

/// How many tests ran, or those that went wrong.
fn run_wycheproof(file: &str) -> Result<usize, Vec<String>> {
    let file: Value = serde_json::from_str(file).unwrap();
    let (mut ran, mut wrong) = (0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        // A shared secret has no public half.
        let jwk = group.get("public").unwrap_or(&group["private"]);
        let set = jwk.get("keys").map_or_else(|| json!({"keys": [jwk]}), |_| jwk.clone());
        let keys = KeyRules::new(Algorithm::ALL).allow_secrets().read_jwk_set(set.to_string().as_bytes());
        for test in group["tests"].as_array().unwrap() {
            let Some(token) = test["jws"].as_str() else { continue };
            let verdict = match &keys {
                Ok(keys) => keys.verify_jws(token).map(drop).map_err(|refusal| refusal.to_string()),
                Err(error) if is_unsupported(error) => continue,
                Err(error) => Err(error.to_string()),
            };
            ran += 1;
            let expected = &test["result"];
            if *expected != "acceptable" && (*expected == "valid") != verdict.is_ok() {
                wrong.push(format!(
                    "{}: {} is {expected}, and we say {verdict:?}",
                    test["tcId"], test["comment"]
                ));
            }
        }
    }
    if wrong.is_empty() { Ok(ran) } else { Err(wrong) }
}

/// Whether all keys are of a kind that we do not have, so that there is nothing to say about their tokens.
fn is_unsupported(error: &KeySetError) -> bool {
    let KeySetError::NoUsableKey { skipped } = error else { return false };
    skipped.iter().all(|key| key.error.kind() == KeyErrorKind::Unsupported)
}
