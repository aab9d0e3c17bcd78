//! Whose tokens a key may verify, where one set of keys serves many tenants.

/// What stands in an issuer for the tenant, as Microsoft Entra publishes it.
pub(crate) const TENANT: &str = "{tenantid}";

/// The one issuer whose tokens are being verified, and its tenant if it has one.
pub(crate) struct Party<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) tenant: Option<&'a str>,
}

impl Party<'_> {
    /// Whether a key that its publisher keeps to `issuer` is for this party: byte for byte, or with the tenant put in.
    pub(crate) fn may_use_key_of(&self, issuer: &str) -> bool {
        issuer == self.issuer
            || self.tenant.is_some_and(|tenant| {
                issuer.contains(TENANT) && issuer.replace(TENANT, tenant) == self.issuer
            })
    }
}

/// Whether the text is a tenant id as it stands in `iss` and `tid`: a GUID in lower case.
pub(crate) fn is_tenant_id(text: &str) -> bool {
    let mut groups = text.split('-');
    let fits = [8, 4, 4, 4, 12].iter().all(|len| {
        let is_hex = |group: &str| group.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        groups.next().is_some_and(|group| group.len() == *len && is_hex(group))
    });
    fits && groups.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
    const B: &str = "bbbbbbbb-0000-4000-8000-00000000000b";

    #[test]
    fn a_key_is_for_its_issuer_or_for_every_tenant_of_its_template() {
        let issuer = format!("https://login.example/{A}/v2.0");
        let party = Party { issuer: &issuer, tenant: Some(A) };

        assert!(party.may_use_key_of(&issuer));
        assert!(party.may_use_key_of("https://login.example/{tenantid}/v2.0"));
        for other in [
            "",
            "{tenantid}",
            A,
            "https://login.example/{tenantid}",
            "https://login.example/{tenantId}/v2.0",
            "https://login.evil/{tenantid}/v2.0",
            &format!("https://login.example/{B}/v2.0"),
        ] {
            assert!(!party.may_use_key_of(other), "{other}");
        }
        let without_tenant = Party { issuer: &issuer, tenant: None };
        assert!(!without_tenant.may_use_key_of("https://login.example/{tenantid}/v2.0"));
    }

    #[test]
    fn a_tenant_id_is_a_guid_in_lower_case() {
        assert!(is_tenant_id(A));
        for bad in [
            "",
            "common",
            "organizations",
            "contoso.onmicrosoft.com",
            "AAAAAAAA-0000-4000-8000-00000000000A",
            &A[1..],
            &format!("{A}-"),
            &format!("{{{A}}}"),
            &A.replace('-', ""),
        ] {
            assert!(!is_tenant_id(bad), "{bad}");
        }
    }
}
