//! What a protected resource says about itself (RFC 9728).

use serde::Serialize;

use crate::{ConfigError, Scope};

/// The metadata of a protected resource (RFC 9728), by which clients find out where to get a token for it.
///
/// A gate that [is given it](crate::Gate::resource_metadata) names its URL in challenges, and the adapters serve it at its
/// [well-known path](Self::path), which MCP clients look for.
///
/// # Examples
///
/// ```
/// use linchpin_core::ResourceMetadata;
///
/// let metadata = ResourceMetadata::builder("https://api.example/grades")
///     .authorization_server("https://id.example")
///     .scopes_supported(["grades:read"])
///     .build()?;
///
/// assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/grades");
/// assert_eq!(metadata.url(), "https://api.example/.well-known/oauth-protected-resource/grades");
/// assert_eq!(
///     metadata.to_json(),
///     r#"{"resource":"https://api.example/grades","authorization_servers":["https://id.example"],"scopes_supported":["grades:read"],"bearer_methods_supported":["header"]}"#
/// );
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceMetadata {
    url: String,
    path_at: usize,
    document: Document,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Document {
    resource: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<String>,
}

impl ResourceMetadata {
    /// Starts the metadata of a resource, by the URL under which clients know it.
    pub fn builder(resource: impl Into<String>) -> ResourceMetadataBuilder {
        ResourceMetadataBuilder {
            document: Document {
                resource: resource.into(),
                authorization_servers: Vec::new(),
                scopes_supported: Vec::new(),
                // Forms and queries end up in logs; no adapter reads a token from them.
                bearer_methods_supported: ["header"],
                resource_name: None,
                resource_documentation: None,
            },
        }
    }

    /// Where the metadata is found: the well-known path, followed by the resource's own (RFC 9728 §3.1).
    pub fn path(&self) -> &str {
        &self.url[self.path_at..]
    }

    /// The whole URL of the metadata, as challenges name it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The document, to be served as `application/json`.
    pub fn to_json(&self) -> String {
        // Strings and lists of them have nothing that could fail to serialize.
        serde_json::to_string(&self.document).unwrap_or_default()
    }
}

/// Puts a [`ResourceMetadata`] together.
#[derive(Clone, Debug)]
#[must_use]
pub struct ResourceMetadataBuilder {
    document: Document,
}

impl ResourceMetadataBuilder {
    /// Adds the issuer of an authorization server whose tokens are accepted.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.document.authorization_servers.push(issuer.into());
        self
    }

    /// Sets the scopes that clients may ask for.
    pub fn scopes_supported(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.document.scopes_supported = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Names the resource, for people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.document.resource_name = Some(name.into());
        self
    }

    /// Sets the URL of documentation, for developers.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.document.resource_documentation = Some(url.into());
        self
    }

    /// The finished metadata.
    ///
    /// # Errors
    ///
    /// If the resource or an authorization server is not an `https` URL (`http` on loopback) without query and fragment,
    /// or if a scope is none.
    pub fn build(self) -> Result<ResourceMetadata, ConfigError> {
        let mut problems = ConfigError::collect();
        let Document { resource, authorization_servers, scopes_supported, .. } = &self.document;
        for (setting, url) in [("resource", resource)]
            .into_iter()
            .chain(authorization_servers.iter().map(|issuer| ("authorization_server", issuer)))
        {
            if path_at(url).is_none() {
                problems.report(
                    setting,
                    format!("is {url:?}"),
                    "give an https URL without query and fragment (http on loopback), for example https://api.example",
                );
            }
        }
        for scope in scopes_supported.iter().filter(|scope| !Scope::is_valid(scope)) {
            let problem = format!("holds {scope:?}, which is no scope");
            problems.report(
                "scopes_supported",
                problem,
                "give one scope in each element, for example grades:read",
            );
        }
        let path_at = path_at(resource).unwrap_or_default();
        problems.check()?;

        let (origin, path) = resource.split_at(path_at);
        let path = if path == "/" { "" } else { path };
        let url = format!("{origin}{WELL_KNOWN}{path}");
        Ok(ResourceMetadata { url, path_at, document: self.document })
    }
}

/// Where the path of a URL begins; `None` if it is not a URL under which a resource may be known.
fn path_at(url: &str) -> Option<usize> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let is_loopback = matches!(host, "127.0.0.1" | "localhost" | "::1");
    // Neither framework routes a path with these characters as it stands.
    let is_plain =
        url.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\#?@<>{}*".contains(&b)) && !url.contains("/:");
    let is_secure = scheme == "https" || (scheme == "http" && is_loopback);
    (is_plain && is_secure && !host.is_empty()).then_some(scheme.len() + 3 + authority.len())
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_path_is_inserted_before_the_resources_own() {
        let path = |resource: &str| {
            let metadata = ResourceMetadata::builder(resource).build().unwrap();
            (metadata.url().to_owned(), metadata.path().to_owned())
        };

        for root in ["https://api.example", "https://api.example/"] {
            assert_eq!(
                path(root),
                ("https://api.example/.well-known/oauth-protected-resource".into(), WELL_KNOWN.into())
            );
        }
        assert_eq!(path("https://api.example:8443/a/b").1, format!("{WELL_KNOWN}/a/b"));
        assert_eq!(path("http://[::1]:80/a").0, format!("http://[::1]:80{WELL_KNOWN}/a"));
        assert_eq!(path("http://localhost:8080/mcp").1, format!("{WELL_KNOWN}/mcp"));
    }

    #[test]
    fn what_is_no_resource_is_told_all_at_once() {
        for bad in [
            "",
            "api.example",
            "http://api.example",
            "https://",
            "https:///a",
            "https://a/?b",
            "https://a/#b",
            "https://a b",
            "https://a\"b",
            "https://u@a/",
            "https://ä.example",
            "ftp://localhost",
            "http://localhost.example",
            "https://a/:id",
            "https://a/*",
            "https://a/{id}",
        ] {
            ResourceMetadata::builder(bad).build().unwrap_err();
        }

        let error = ResourceMetadata::builder("grades")
            .authorization_server("http://id.example")
            .scopes_supported(["a b", "c"])
            .build()
            .unwrap_err();
        let settings: Vec<_> = error.problems().iter().map(|problem| &problem.setting).collect();
        assert_eq!(settings, ["resource", "authorization_server", "scopes_supported"]);
    }

    #[test]
    fn what_there_is_none_of_is_left_out() {
        let bare = ResourceMetadata::builder("https://api.example").build().unwrap();
        let empty: [&str; 0] = [];
        let emptied =
            ResourceMetadata::builder("https://api.example").scopes_supported(empty).build().unwrap();

        assert_eq!(
            bare.to_json(),
            r#"{"resource":"https://api.example","bearer_methods_supported":["header"]}"#
        );
        assert_eq!(emptied.to_json(), bare.to_json());
    }
}
