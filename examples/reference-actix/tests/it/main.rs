//! The black-box suite that both reference services pass.

#[path = "../../../black_box.rs"]
mod black_box;

const BINARY: &str = env!("CARGO_BIN_EXE_reference-actix");
