//! Laws of requirements over random callers, and OpenAPI documents of somebody else's making.

mod laws;
mod utoipa_documents;
