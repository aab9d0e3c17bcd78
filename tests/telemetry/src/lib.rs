//! One trace through both reference services, as a collector sees it: the tests are in `tests/`.
//!
//! This package is apart because it is never published and knows both services.
