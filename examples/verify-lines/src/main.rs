//! Reads JSON lines `{"jwks":…,"token":…,"algorithms":[…]}` on standard input, and prints
//! `{"valid":true|false,"error":…}` for each, in order.
//!
//! Only the signature and the header are looked at; the payload is opaque. The keys count as configured by hand, so that
//! secrets among them verify if `algorithms` names their algorithm. Names of algorithms that are not supported allow nothing.
//!
//! `error` is null, the code of a [`Reason`](https://docs.rs/linchpin-core) for a token that is refused, `no_usable_key`
//! for keys that cannot be used, or `malformed_line`.

use std::io::{self, BufRead, Write};

use linchpin_jwt::{Algorithm, Algorithms, KeyRules};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Line {
    jwks: Value,
    token: String,
    algorithms: Vec<String>,
}

#[derive(Serialize)]
struct Verdict {
    valid: bool,
    error: Option<&'static str>,
}

fn main() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().split(b'\n') {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let error = verify(&line).err();
        serde_json::to_writer(&mut output, &Verdict { valid: error.is_none(), error })?;
        output.write_all(b"\n")?;
        output.flush()?; // whoever feeds one line at a time waits for its answer
    }
    Ok(())
}

fn verify(line: &[u8]) -> Result<(), &'static str> {
    let Line { jwks, token, algorithms } = serde_json::from_slice(line).map_err(|_| "malformed_line")?;
    let algorithms: Algorithms =
        algorithms.iter().filter_map(|name| name.parse::<Algorithm>().ok()).collect();
    let rules = KeyRules::new(algorithms).allow_secrets();
    let keys = rules.read_jwk_set(jwks.to_string().as_bytes()).map_err(|_| "no_usable_key")?;
    keys.verify_jws(&token).map_err(|refusal| refusal.reason().code())?;
    Ok(())
}
