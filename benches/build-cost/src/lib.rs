//! Nothing: what counts is what the manifest names.
