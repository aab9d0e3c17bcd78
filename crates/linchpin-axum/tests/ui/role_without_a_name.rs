use linchpin_core::roles;

roles! { pub Nobody = ""; }

fn main() {}
