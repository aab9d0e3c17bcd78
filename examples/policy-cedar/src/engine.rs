//! Cedar behind the door of linchpin.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use linchpin::{
    ConfigError,
    core::Caller,
    rbac::{EngineDecision, EngineError, EngineFuture, Fact, PolicyEngine, PolicyQuestion, Resource},
};

/// A set of Cedar policies that has been checked against its schema.
///
/// | in a policy | is |
/// |---|---|
/// | `principal` | a `User` by its subject, with `subject` and `scopes`, in a `Role` for each of its roles |
/// | `action` | the `Action` of the question |
/// | `resource` | the thing of the question, with its attributes |
/// | `context` | the facts about the request |
pub struct Cedar {
    policies: PolicySet,
    schema: Schema,
}

impl Cedar {
    /// Reads policies and their schema.
    ///
    /// # Errors
    ///
    /// What does not parse, and every policy that does not fit the schema.
    pub fn new(policies: &str, schema: &str) -> Result<Self, ConfigError> {
        let mut problems = ConfigError::collect();
        let schema = Schema::from_cedarschema_str(schema)
            .map(|(schema, _)| schema)
            .map_err(|error| ConfigError::single("schema", format!("is wrong: {error}"), "correct it"));
        let policies = policies
            .parse::<PolicySet>()
            .map_err(|error| ConfigError::single("policies", format!("are wrong: {error}"), "correct them"));
        let (schema, policies) = (problems.take(schema), problems.take(policies));
        problems.check()?;
        let (Some(schema), Some(policies)) = (schema, policies) else { return Err(ConfigError::collect()) };

        let mut problems = ConfigError::collect();
        for error in
            Validator::new(schema.clone()).validate(&policies, ValidationMode::default()).validation_errors()
        {
            problems.report(
                "policies",
                format!("do not fit the schema: {error}"),
                "correct the policy or the schema",
            );
        }
        problems.check()?;
        Ok(Self { policies, schema })
    }

    fn decide(&self, question: PolicyQuestion<'_>) -> Result<EngineDecision, EngineError> {
        let Some(subject) = question.principal().subject() else {
            return Ok(EngineDecision::deny("the caller has no subject"));
        };
        let principal = user(question.principal(), subject)?;
        let resource = thing(question.resource())?;
        let action = uid("Action", question.action())?;
        let facts =
            question.request_facts().iter().map(|(name, fact)| Ok(((*name).to_owned(), value(fact)?)));
        let context = Context::from_pairs(facts.collect::<Result<Vec<_>, EngineError>>()?)?;
        let request = Request::new(principal.uid(), action, resource.uid(), context, Some(&self.schema))?;
        let entities = Entities::from_entities([principal, resource], Some(&self.schema))?;

        let response = Authorizer::new().is_authorized(&request, &self.policies, &entities);

        // Cedar leaves out a policy that fails. That policy may have been the one to forbid it, so nothing is decided.
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string().into());
        }
        let reasons: Vec<&str> = response.diagnostics().reason().map(|id| self.name(id)).collect();
        Ok(match response.decision() {
            Decision::Allow => EngineDecision::allow(reasons.join(", ")),
            Decision::Deny if reasons.is_empty() => EngineDecision::deny("no policy allows it"),
            Decision::Deny => EngineDecision::deny(reasons.join(", ")),
        })
    }

    /// What its author calls a policy.
    fn name<'a>(&'a self, id: &'a PolicyId) -> &'a str {
        self.policies.annotation(id, "id").unwrap_or(id.as_ref())
    }
}

impl PolicyEngine for Cedar {
    fn evaluate<'a>(&'a self, question: PolicyQuestion<'a>) -> EngineFuture<'a> {
        // Policies have no loops and do no I/O, so that nothing is awaited and no thread is held up.
        Box::pin(async move { self.decide(question) })
    }
}

fn user(caller: &Caller, subject: &str) -> Result<Entity, EngineError> {
    let scopes = caller.scopes().iter().map(|scope| RestrictedExpression::new_string(scope.to_string()));
    let attributes = HashMap::from([
        ("subject".to_owned(), RestrictedExpression::new_string(subject.to_owned())),
        ("scopes".to_owned(), RestrictedExpression::new_set(scopes)),
    ]);
    let roles = caller.roles().iter().map(|role| uid("Role", role.as_str()));
    Ok(Entity::new(uid("User", subject)?, attributes, roles.collect::<Result<HashSet<_>, _>>()?)?)
}

fn thing(resource: Resource<'_>) -> Result<Entity, EngineError> {
    let attributes =
        resource.known_attributes().iter().map(|(name, fact)| Ok(((*name).to_owned(), value(fact)?)));
    let attributes = attributes.collect::<Result<HashMap<_, _>, EngineError>>()?;
    Ok(Entity::new(uid(resource.kind(), resource.id())?, attributes, HashSet::new())?)
}

/// The kind is ours; the identifier may come from outside, and is taken as it is, never parsed.
fn uid(kind: &str, id: &str) -> Result<EntityUid, EngineError> {
    Ok(EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>()?, EntityId::new(id)))
}

fn value(fact: &Fact<'_>) -> Result<RestrictedExpression, EngineError> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    Ok(match *fact {
        Fact::Text(value) => text(value),
        Fact::Integer(number) => RestrictedExpression::new_long(number),
        Fact::Bool(yes) => RestrictedExpression::new_bool(yes),
        Fact::Texts(values) => RestrictedExpression::new_set(values.iter().map(|value| text(value))),
        _ => return Err("a fact of a kind that Cedar is not told yet".into()),
    })
}
