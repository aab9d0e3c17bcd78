//! What a route asks of its caller, as a type.

use std::marker::PhantomData;

use crate::{Description, Facts, Refusal};

/// What a caller has to be, to have or to have done: a scope, a role, a recent sign-in, or several of them.
///
/// A requirement is a type without a value: [`scopes!`](crate::scopes), [`roles!`](crate::roles) and
/// [`step_up!`](crate::step_up!) declare them, [`AnyOf`] and [`AllOf`] combine them, and the adapters take them as
/// `Require<R>` and `require::<R>()`. A service may write its own, for what no token says in so many words.
///
/// There is no `Not`: a token that lacks something, say because it was cut down, must never open a door by it.
///
/// # Examples
///
/// ```
/// use linchpin_core::{AllOf, AnyOf, Caller, Condition, Description, Facts, Reason, Refusal, Requirement, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; pub GradesWrite = "grades:write"; }
///
/// /// The subject is a member of staff, by the way this company spells its subjects.
/// struct Staff;
///
/// impl Requirement for Staff {
///     fn check(facts: Facts<'_>) -> Result<(), Refusal> {
///         let is_staff = facts.caller().subject().is_some_and(|subject| subject.ends_with("@staff.example"));
///         if is_staff { Ok(()) } else { Err(Reason::InsufficientRole.into()) }
///     }
///
///     fn describe() -> Description {
///         Condition::Other("a member of staff".into()).into()
///     }
/// }
///
/// type MayRecord = AnyOf<(AllOf<(GradesRead, GradesWrite)>, Staff)>;
///
/// assert_eq!(
///     MayRecord::describe().to_string(),
///     "scope grades:read and scope grades:write, or a member of staff"
/// );
/// ```
///
/// # Security
///
/// A requirement grants on evidence only: whatever is absent or not understood does not meet it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a requirement",
    label = "expected a scope, a role, a step-up, `AnyOf<(..)>` or `AllOf<(..)>`",
    note = "declare one with `scopes! {{ pub GradesRead = \"grades:read\"; }}` or `roles! {{ pub Admin = \"admin\"; }}`, \
            or implement `Requirement`",
    note = "`AnyOf` and `AllOf` take a tuple of one to eight requirements: `AnyOf<(GradesRead, Admin)>`"
)]
pub trait Requirement: Send + Sync + 'static {
    /// Whether the requirement itself decides about tokens of restricted applications (profile `open_edx`).
    ///
    /// `false` unless overridden: then [`Facts::meet`] refuses them. [`AdmitRestricted`] is the way to let them in.
    const ADMITS_RESTRICTED: bool = false;

    /// Whether the requirement holds; asked by [`Facts::meet`].
    ///
    /// It should not allocate where it holds.
    ///
    /// # Errors
    ///
    /// The refusal that answers the request.
    fn check(facts: Facts<'_>) -> Result<(), Refusal>;

    /// Whether [`check`](Self::check) would succeed, for [`AnyOf`], which has no use for the refusals of its other members.
    ///
    /// It says the same as `check` unless overridden, and has to: the way is there for requirements whose refusals allocate.
    fn holds(facts: Facts<'_>) -> bool {
        Self::check(facts).is_ok()
    }

    /// What is required, for route tables and API descriptions.
    fn describe() -> Description;
}

/// Met by whoever meets one of the requirements of the tuple.
///
/// If none is met, the answer tells the way that is easiest to mend: to authenticate again, if that is all that one of
/// them lacks; else the scopes that the first one lacks for which scopes are all it takes; else the first one's refusal.
///
/// # Examples
///
/// ```
/// use linchpin_core::{AnyOf, Caller, Facts, SystemClock, roles, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; }
/// roles! { pub Admin = "admin"; }
///
/// let caller = Caller::builder("https://id.example").build();
/// let refusal = Facts::new(&caller, &SystemClock).meet::<AnyOf<(Admin, GradesRead)>>().unwrap_err();
/// assert_eq!(refusal.scope(), Some("grades:read"));
/// ```
///
/// An empty list is no requirement, so that it cannot mean "anyone":
///
/// ```compile_fail,E0277
/// # use linchpin_core::{AnyOf, Requirement};
/// AnyOf::<()>::describe();
/// ```
#[derive(Debug)]
pub struct AnyOf<T>(PhantomData<fn() -> T>);

/// Met by whoever meets all requirements of the tuple.
///
/// If some are not met, the answer names all scopes that are missing (and likewise all roles, where it names roles), and
/// it asks to authenticate again only if nothing else is missing.
///
/// # Examples
///
/// ```
/// use linchpin_core::{AllOf, Caller, Facts, SystemClock, scopes};
///
/// scopes! { pub Read = "grades:read"; pub Write = "grades:write"; pub Erase = "grades:erase"; }
///
/// let caller = Caller::builder("https://id.example").scopes(["grades:read".parse()?]).build();
/// let refusal = Facts::new(&caller, &SystemClock).meet::<AllOf<(Read, Write, Erase)>>().unwrap_err();
/// assert_eq!(refusal.scope(), Some("grades:write grades:erase"));
/// # Ok::<(), linchpin_core::InvalidScope>(())
/// ```
///
/// An empty list is no requirement here either:
///
/// ```compile_fail,E0277
/// # use linchpin_core::{AllOf, Requirement};
/// AllOf::<()>::describe();
/// ```
#[derive(Debug)]
pub struct AllOf<T>(PhantomData<fn() -> T>);

/// Met by every caller with a valid token, whatever the token grants.
#[derive(Debug)]
pub struct Authenticated;

impl Requirement for Authenticated {
    fn check(_: Facts<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn describe() -> Description {
        Description::anyone()
    }
}

/// The same requirement, open to tokens of restricted applications too (profile `open_edx`).
///
/// Everything else refuses them, so that they are let in where somebody has said so and nowhere else. As the policy of a route
/// it is enough; as an extractor, or a layer of its own, it stands behind a verifying layer, which refuses them first unless
/// [`admit_restricted`](crate::Gate::admit_restricted) is set there.
///
/// # Examples
///
/// ```
/// use linchpin_core::{AdmitRestricted, Caller, Facts, Reason, SystemClock, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; }
///
/// let caller = Caller::builder("https://id.example").scopes(["grades:read".parse()?]).restricted(true).build();
/// let facts = Facts::new(&caller, &SystemClock);
/// assert_eq!(facts.meet::<GradesRead>().unwrap_err().reason(), Reason::RestrictedApplication);
/// facts.meet::<AdmitRestricted<GradesRead>>()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AdmitRestricted<R>(PhantomData<fn() -> R>);

impl<R: Requirement> Requirement for AdmitRestricted<R> {
    const ADMITS_RESTRICTED: bool = true;

    fn check(facts: Facts<'_>) -> Result<(), Refusal> {
        facts.admitting_restricted().meet::<R>()
    }

    fn holds(facts: Facts<'_>) -> bool {
        facts.admitting_restricted().meets::<R>()
    }

    fn describe() -> Description {
        R::describe().admit_restricted()
    }
}

macro_rules! combinators {
    ($($first:ident $($other:ident)*;)*) => {$(
        impl<$first: Requirement, $($other: Requirement),*> Requirement for AnyOf<($first, $($other,)*)> {
            // Each member is asked through `meet`, and so decides for itself.
            const ADMITS_RESTRICTED: bool = true;

            fn check(facts: Facts<'_>) -> Result<(), Refusal> {
                if Self::holds(facts) {
                    return Ok(());
                }
                let Err(refusal) = facts.meet::<$first>() else { return Ok(()) };
                $(let refusal = match facts.meet::<$other>() {
                    Ok(()) => return Ok(()),
                    Err(other) => refusal.or(other),
                };)*
                Err(refusal)
            }

            fn holds(facts: Facts<'_>) -> bool {
                facts.meets::<$first>() $(|| facts.meets::<$other>())*
            }

            fn describe() -> Description {
                Description::any_of([$first::describe(), $($other::describe()),*])
            }
        }

        impl<$first: Requirement, $($other: Requirement),*> Requirement for AllOf<($first, $($other,)*)> {
            const ADMITS_RESTRICTED: bool = true;

            fn check(facts: Facts<'_>) -> Result<(), Refusal> {
                let result = facts.meet::<$first>();
                // All are asked even if one has refused, so that the answer can name everything that is missing.
                $(let result = match (result, facts.meet::<$other>()) {
                    (Ok(()), other) => other,
                    (refused, Ok(())) => refused,
                    (Err(refusal), Err(other)) => Err(refusal.and(other)),
                };)*
                result
            }

            fn holds(facts: Facts<'_>) -> bool {
                facts.meets::<$first>() $(&& facts.meets::<$other>())*
            }

            fn describe() -> Description {
                Description::all_of([$first::describe(), $($other::describe()),*])
            }
        }
    )*};
}

combinators! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caller, Reason, Role, SystemClock, roles, scopes, step_up};

    scopes! {
        Read = "grades:read";
        Write = "grades:write";
    }
    roles! {
        Admin = "admin";
        Staff = "staff";
    }
    step_up! { Silver { acr_values: ["silver"] } }

    fn caller(scopes: &[&str], roles: &[&str]) -> Caller {
        Caller::builder("https://id.example")
            .scopes(scopes.iter().map(|scope| scope.parse().unwrap()))
            .roles(roles.iter().map(|&role| Role::new(role)))
            .build()
    }

    fn meet<R: Requirement>(caller: &Caller) -> Result<(), Refusal> {
        Facts::new(caller, &SystemClock).meet::<R>()
    }

    #[test]
    fn any_of_tells_the_way_that_is_easiest_to_mend() {
        let nobody = caller(&[], &[]);

        let scope = meet::<AnyOf<(Admin, Read, Write)>>(&nobody).unwrap_err();
        assert_eq!((scope.reason(), scope.scope()), (Reason::InsufficientScope, Some("grades:read")));
        let role = meet::<AnyOf<(AllOf<(Admin, Read)>, Staff)>>(&nobody).unwrap_err();
        assert_eq!(role.reason(), Reason::InsufficientRole);
        assert_eq!(role.roles().collect::<Vec<_>>(), ["admin"]);
        let again = meet::<AnyOf<(Admin, Read, AllOf<(Silver,)>)>>(&nobody).unwrap_err();
        assert_eq!(again.reason(), Reason::InsufficientAuthentication);

        for (scopes, roles) in
            [(&["grades:write"][..], &[][..]), (&[], &["admin"]), (&["grades:read"], &["x"])]
        {
            assert_eq!(meet::<AnyOf<(Admin, Read, Write)>>(&caller(scopes, roles)), Ok(()));
        }
    }

    #[test]
    fn all_of_names_everything_that_is_missing() {
        let nobody = caller(&[], &[]);

        let scopes = meet::<AllOf<(Read, Silver, Write, Read)>>(&nobody).unwrap_err();
        assert_eq!(
            (scopes.reason(), scopes.scope()),
            (Reason::InsufficientScope, Some("grades:read grades:write"))
        );
        let roles = meet::<AllOf<(Admin, Read, Staff)>>(&nobody).unwrap_err();
        assert_eq!(roles.reason(), Reason::InsufficientRole);
        assert_eq!(roles.roles().collect::<Vec<_>>(), ["admin", "staff"]);
        assert_eq!(roles.scope(), None, "a scope would not help");
        let again = meet::<AllOf<(Silver, Admin)>>(&caller(&[], &["admin"])).unwrap_err();
        assert_eq!(again.reason(), Reason::InsufficientAuthentication);

        assert_eq!(
            meet::<AllOf<(Read, Write, Admin)>>(&caller(&["grades:write", "grades:read"], &["admin"])),
            Ok(())
        );
    }

    #[test]
    fn a_restricted_application_is_let_in_by_name_only() {
        let restricted = Caller::builder("https://id.example")
            .scopes(["grades:read".parse().unwrap(), "grades:write".parse().unwrap()])
            .restricted(true)
            .build();

        let refused = Err(Reason::RestrictedApplication.into());
        assert_eq!(meet::<Authenticated>(&restricted), refused);
        assert_eq!(meet::<AllOf<(Read, Write)>>(&restricted), refused);
        assert_eq!(meet::<AnyOf<(Read, Write)>>(&restricted), refused);
        assert_eq!(meet::<AllOf<(AdmitRestricted<Read>, Write)>>(&restricted), refused);
        assert_eq!(
            meet::<AnyOf<(AdmitRestricted<Admin>, Write)>>(&restricted).map_err(|r| r.reason().status()),
            Err(403)
        );
        assert_eq!(meet::<AdmitRestricted<AllOf<(Read, Write)>>>(&restricted), Ok(()));
        assert_eq!(meet::<AnyOf<(AdmitRestricted<Read>, Admin)>>(&restricted), Ok(()));
        assert_eq!(meet::<AdmitRestricted<Authenticated>>(&restricted), Ok(()));
    }

    #[test]
    fn a_description_is_an_or_of_ands() {
        type Mixed = AllOf<(AnyOf<(Read, Admin)>, Write)>;

        let described = Mixed::describe();

        assert_eq!(
            described.to_string(),
            "scope grades:read and scope grades:write, or role admin and scope grades:write"
        );
        assert_eq!(described.alternatives().count(), 2);
        assert_eq!(Authenticated::describe().to_string(), "any caller");
    }

    #[test]
    fn a_description_says_where_restricted_applications_are_let_in() {
        type Either = AnyOf<(AdmitRestricted<Read>, Admin)>;
        type One = AllOf<(AdmitRestricted<Read>, Write)>;
        type Both = AllOf<(AdmitRestricted<Read>, AdmitRestricted<Write>)>;

        let told = |description: Description| description.to_string();
        assert_eq!(
            told(Either::describe()),
            "scope grades:read (restricted applications too), or role admin"
        );
        assert_eq!(told(One::describe()), "scope grades:read and scope grades:write");
        assert_eq!(
            told(Both::describe()),
            "scope grades:read and scope grades:write (restricted applications too)"
        );
        assert_eq!(
            told(AdmitRestricted::<Authenticated>::describe()),
            "any caller (restricted applications too)"
        );
    }
}
