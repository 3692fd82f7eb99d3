//! Which status an error's code has. The codes are those of the command line, one to one.

use axum::http::StatusCode;

use crate::model::Class;

/// The status of a code; what is not named here goes by its class.
pub(super) fn status(code: &str, class: Class) -> StatusCode {
    match code {
        "no_such_token" | "no_such_owner" | "no_such_operation" | "nothing_matches"
        | "nothing_of_owner" | "no_owners" | "not_a_secret" | "damaged_secret" | "wrong_secret"
        | "unknown_kind" | "cursor" => StatusCode::NOT_FOUND,
        "ambiguous"
        | "ambiguous_owner"
        | "ambiguous_operation"
        | "unexpected_count"
        | "changed_since_shown"
        | "locked"
        | "conflict"
        | "declined"
        | "not_confirmed"
        | "not_as_planned"
        | "batch_done"
        | "referenced"
        | "not_committed"
        | "swallowed" => StatusCode::CONFLICT,
        "over_allowance" => StatusCode::TOO_MANY_REQUESTS,
        "statement_timeout" | "no_answer" => StatusCode::GATEWAY_TIMEOUT,
        "no_connection" | "connection_lost" | "shutdown" | "standby" | "read_only"
        | "not_installed" | "interrupted" => StatusCode::SERVICE_UNAVAILABLE,
        "permission_denied"
        | "row_security"
        | "unfit"
        | "missing"
        | "other_cluster"
        | "cluster_not_told"
        | "other_database"
        | "no_adapter"
        | "several_adapters"
        | "refused_by_adapter"
        | "unknown_adapter"
        | "adapter_misfit"
        | "bad_adapter"
        | "unexpected_answer"
        | "database_error"
        | "unrecorded"
        | "secret_not_readable" => StatusCode::BAD_GATEWAY,
        "outcome_unknown" | "done_after_all" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => match class {
            Class::Refused | Class::Usage => StatusCode::UNPROCESSABLE_ENTITY,
            Class::NoConnection | Class::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
            Class::Unknown | Class::NotConfirmed => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}
