//! The OpenAPI 3.1 document. Handlers describe themselves; what whole groups of them have in common is
//! said here once: who may call, how they refuse, which headers they take.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi,
    OpenApiBuilder, PathItem, Ref, RefOr, Schema,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::ProblemBody;
use super::router::{Audience, groups};
use crate::transport::sse;

/// A credential, by its name in the document.
const ACCESS_TOKEN: &str = "access_token";
const API_KEY: &str = "api_key";
const PROBLEM: &str = "Problem";

/// The whole document.
pub fn openapi() -> OpenApi {
    let mut document = OpenApiBuilder::new()
        .info(info())
        .tags(Some(Audience::ALL.map(|audience| {
            TagBuilder::new()
                .name(audience.tag())
                .description(Some(audience.about()))
                .build()
        })))
        .components(Some(components()))
        .build();
    let groups = groups().map(|(audience, _, router)| (audience, router.into_openapi()));
    let sockets = [(Audience::SignedIn, sse::described().into_openapi())];
    for (audience, mut part) in groups.into_iter().chain(sockets) {
        describe(&mut part, audience);
        document.merge(part);
    }
    let schemas = document
        .components
        .iter_mut()
        .flat_map(|it| it.schemas.values_mut());
    schemas.for_each(open_parts);
    document
}

/// A part of a whole that took no members besides its own would refuse those of the other parts.
fn open_parts(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::OneOf(whole) => whole.items.iter_mut().for_each(open_parts),
        Schema::AllOf(whole) => {
            for part in &mut whole.items {
                if let RefOr::T(Schema::Object(part)) = part {
                    part.additional_properties = None;
                }
            }
        }
        _ => {}
    }
}

fn info() -> utoipa::openapi::Info {
    let license = LicenseBuilder::new()
        .name("Apache-2.0")
        .identifier(Some("Apache-2.0"))
        .build();
    InfoBuilder::new()
        .title("Sessionwire")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A realtime session server: it can take a JWT back. Errors are problem details (RFC 9457) \
             with a stable `code`; times are RFC 3339 in UTC; unknown members are refused.",
        ))
        .license(Some(license))
        .build()
}

/// What handlers refer to: credentials, and the one form of a refusal.
fn components() -> Components {
    let mut schemas = vec![(PROBLEM.to_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(PROBLEM)))
        .build();
    let refusal = ResponseBuilder::new()
        .description("Refused; `code` says why.")
        .content("application/problem+json", problem)
        .build();
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .response(PROBLEM, refusal)
        .security_scheme(
            ACCESS_TOKEN,
            bearer("JWT", "The access token of a session, as sign-in gives it."),
        )
        .security_scheme(
            API_KEY,
            bearer(
                "swk_…",
                "The key of a service, with the scope for the call.",
            ),
        )
        .build()
}

fn bearer(format: &str, about: &str) -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format(format)
        .description(Some(about))
        .build();
    SecurityScheme::Http(scheme)
}

/// Says of every operation of a group what holds for the group.
fn describe(part: &mut OpenApi, audience: Audience) {
    for item in part.paths.paths.values_mut() {
        if let (Audience::Administrators, Some(post)) = (audience, &mut item.post) {
            let parameters = post.parameters.get_or_insert_default();
            parameters.push(idempotency_key().into());
        }
        for operation in operations(item) {
            operation.tags = Some(vec![audience.tag().to_owned()]);
            operation.security = security(audience);
            let refusal = RefOr::Ref(Ref::from_response_name(PROBLEM));
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), refusal);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

fn security(audience: Audience) -> Option<Vec<SecurityRequirement>> {
    let names: &[&str] = match audience {
        Audience::Anyone | Audience::Operators => return None,
        Audience::SignedIn => &[ACCESS_TOKEN],
        Audience::Administrators => &[ACCESS_TOKEN, API_KEY],
        Audience::Services => &[API_KEY],
    };
    let requirement = |name: &&str| SecurityRequirement::new(*name, Vec::<String>::new());
    Some(names.iter().map(requirement).collect())
}

fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Repeats with the same key within 24 hours have the first answer again, without secrets.",
        ))
        .schema(Some(text))
        .build()
}
