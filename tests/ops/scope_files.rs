//! Plan files and runs of batches in the hands of a bound caller.

use std::time::Duration;

use breakglass::model::{Action, PlanFile};
use breakglass::ops::{
    Context, Error, Filter, FromFile, NotResumed, Planned, Refusal, Request, Resume, Selector,
};

use super::{bound, database};
use crate::support::scoped::{context, plan, request, wait};
use crate::support::{TestDatabase, seed};

/// The plan of somebody who may see everything.
fn written(database: &TestDatabase, action: Action, keys: &[&str]) -> PlanFile {
    let selectors = keys.iter().map(|key| Selector::parse(&format!("id:{key}")));
    let planned = plan(&context(database), request(action, selectors.collect()));
    let planned = planned.unwrap_or_else(|refusal| panic!("{}", refusal.error));
    let proposal = planned.proposal();
    let file = proposal.to_file(Duration::from_mins(10), Some("a test".to_owned()), None);
    file.unwrap_or_else(|| panic!("this role may ask which cluster it is"))
}

fn apply(context: &Context, file: &PlanFile) -> Result<Planned, Box<Refusal>> {
    let request = request(
        file.action,
        vec![Selector::FromFile(FromFile::new(file.clone(), None))],
    );
    plan(context, request)
}

fn told(refusal: Result<Planned, Box<Refusal>>) -> (&'static str, String, Option<String>) {
    let Err(refusal) = refusal else {
        panic!("it is refused")
    };
    let error = refusal.error;
    (error.code(), error.to_string(), error.hint())
}

#[test]
fn a_plan_of_others_is_one_of_rows_that_are_gone() {
    for action in [Action::Expire, Action::Delete] {
        let database = database();
        let mine = bound(&database, Some("ci-runner"), None);
        // One with a refresh token, and beside it one of their own.
        let file = written(&database, action, &[seed::OAUTH, seed::HOT]);
        apply(&context(&database), &file).expect("everybody may carry it out");
        let as_mine = told(apply(&mine, &file));
        assert_eq!(as_mine.0, "changed_since_shown");
        assert!(
            as_mine
                .1
                .contains(&format!("token `{}` is gone", seed::OAUTH)),
            "{as_mine:?}"
        );
        assert!(
            !as_mine.1.contains("grace") && !as_mine.1.contains(seed::HOT),
            "{as_mine:?}"
        );
        database.execute(&format!(
            "delete from api_keys where id = '{}'",
            seed::OAUTH
        ));
        assert_eq!(as_mine, told(apply(&context(&database), &file)), "{action}");
    }
}

#[test]
fn a_plan_of_their_own_is_carried_out() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let file = written(&database, Action::Expire, &[seed::HOT, seed::DUPLICATE]);
    let planned = apply(&mine, &file).unwrap_or_else(|refusal| panic!("{}", refusal.error));
    let receipt = wait(planned.carry_out()).unwrap_or_else(|refusal| panic!("{}", refusal.error));
    assert_eq!(receipt.operation.changed, Some(2));
}

#[test]
fn a_token_that_changed_hands_is_gone_from_the_plan() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let file = written(&database, Action::Expire, &[seed::HOT]);
    database.execute(&format!(
        "update api_keys set user_id = (select id from users where username = 'mira') where id = '{}'",
        seed::HOT
    ));
    let (code, message, _hint) = told(apply(&mine, &file));
    assert_eq!(code, "changed_since_shown");
    assert_eq!(message, format!("token `{}` is gone", seed::HOT));
}

#[test]
fn runs_of_batches_are_not_for_a_bound_caller() {
    let database = database();
    let before = database.application_rows();
    for mine in [
        bound(&database, Some("ci-runner"), None),
        bound(&database, None, Some(&["token"])),
    ] {
        let request = request(
            Action::Expire,
            vec![Selector::Filtered(Filter::everything())],
        );
        let told = "runs of batches are only for callers that may act on every token, and this one is \
                    bound to an owner or to kinds";
        let refusal = wait(Request::plan_run(request, &mine, 2)).expect_err("it is refused");
        assert_eq!(refusal.error.to_string(), told);
        assert_eq!(refusal.error.code(), "bound_caller");
        let resume = |id: &str| {
            let resume = Resume {
                id: id.to_owned(),
                reason: None,
                ticket: None,
                settle: None,
                os_user: None,
                host: None,
                caller: None,
            };
            match wait(resume.open(&mine)) {
                Ok(_run) => panic!("it is refused"),
                Err(error) => error,
            }
        };
        assert!(matches!(
            resume("0199"),
            NotResumed::Nothing(Error::BoundCaller)
        ));
    }
    assert_eq!(database.application_rows(), before);
    let refused = database.operations();
    let refused = refused.iter().filter(|row| row["outcome"] == "refused");
    assert_eq!(refused.count(), 2);
}
