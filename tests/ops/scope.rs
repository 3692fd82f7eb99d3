//! A bound caller: there is no other token than theirs, and nothing tells one of others from none.

use std::collections::BTreeSet;

use breakglass::adapter::{SecretShape, SortKey, load};
use breakglass::model::{Action, HitVerdict, Shown, hex};
use breakglass::ops::{
    Context, Error, Filter, Kinds, ListTokens, Planned, Refusal, Request, Scope, Selector,
    ShowOwner, ShowToken, Sweep,
};
use breakglass::scan::{Options, Progress, scan};
use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{bound, database};
use crate::support::scoped::{context, open, plan, request, restore, wait, with_adapters};
use crate::support::{Template, TestDatabase, seed};

/// Nobody's key.
const NOBODY: &str = "zzzzzzzzzz";

/// An error as a caller has it.
type Told = (&'static str, String, Option<String>);

/// A way to name a token or an owner: the word in it, the selectors, and whose a name is.
struct Way {
    word: String,
    selectors: Vec<Selector>,
    owner: Option<&'static str>,
}

impl Way {
    fn new(word: &str, selector: Selector) -> Self {
        Self {
            word: word.to_owned(),
            selectors: vec![selector],
            owner: None,
        }
    }

    /// Every way to name a token.
    fn to_token(key: &str, name: &str, owner: &'static str) -> Vec<Self> {
        let secret = seed::token_of(key);
        let filter = Filter {
            owner: Some(owner.to_owned()),
            ..Filter::everything()
        };
        let by_name = Filter {
            name: Some(name.to_owned()),
            ..Filter::everything()
        };
        vec![
            Self::new(key, Selector::parse(&format!("id:{key}"))),
            Self::new(key, Selector::parse(key)),
            Self::new(name, Selector::parse(&format!("name:{name}"))),
            Self::new(name, Selector::parse(name)),
            Self {
                owner: Some(owner),
                ..Self::new(name, Selector::parse(name))
            },
            Self::new(&secret, Selector::Word(secret.clone())),
            Self::new(&secret, Selector::Pasted(Zeroizing::new(secret.clone()))),
            Self::new(owner, Selector::Filtered(filter)),
            Self::new(name, Selector::Filtered(by_name)),
            Self::new(owner, Selector::Owner(owner.to_owned())),
        ]
    }

    /// What is told of it, without the word that it was named by.
    fn told(&self, error: &Error) -> Told {
        let digest = hex(&Sha256::digest(&self.word));
        let plain = |text: String| {
            let text = text.replace(&self.word, "WORD").replace(&digest, "DIGEST");
            let owner = self.owner.map(|owner| text.replace(owner, "OWNER"));
            owner.unwrap_or(text)
        };
        let length = format!("{} characters", self.word.chars().count());
        let plain = |text| plain(text).replace(&length, "N characters");
        (
            error.code(),
            plain(error.to_string()),
            error.hint().map(plain),
        )
    }

    fn request(&self, action: Action) -> Request {
        Request {
            owner: self.owner.map(str::to_owned),
            ..request(action, self.selectors.clone())
        }
    }
}

/// The error that a plan ended with.
fn refused(planned: Result<Planned, Box<Refusal>>) -> Error {
    match planned {
        Ok(planned) => panic!("a plan: {:?}", planned.plan().keys()),
        Err(refusal) => refusal.error,
    }
}

fn shown(context: &Context, selector: &Selector, owner: Option<&str>) -> Result<Shown, Error> {
    let request = ShowToken {
        selector: selector.clone(),
        owner: owner.map(str::to_owned),
    };
    wait(request.run(&open(context)))
}

fn listed(context: &Context, filter: Filter, limit: Option<u32>) -> Vec<String> {
    let request = ListTokens {
        filter,
        sort: SortKey::Key,
        descending: false,
        limit,
        after: None,
    };
    wait(async {
        let desk = context.open().await?;
        let tokens = request.run(&desk).await?;
        tokens.map_ok(|token| token.key).try_collect().await
    })
    .unwrap_or_else(|error: Error| panic!("{error}"))
}

fn all() -> Filter {
    Filter {
        include_expired: true,
        ..Filter::everything()
    }
}

/// The keys of an owner's tokens, asked for without breakglass.
fn keys_of(database: &TestDatabase, owner: &str) -> Vec<String> {
    let sql = format!(
        "select k.id from api_keys as k join users as u on u.id = k.user_id \
          where u.username = '{owner}' and not u.deleted order by k.id"
    );
    let rows = database.query(&sql);
    rows.into_iter().flatten().flatten().collect()
}

#[test]
fn a_token_of_others_is_told_as_one_that_never_was() {
    let database = database();
    let (mine, everybody) = (
        bound(&database, Some("ci-runner"), None),
        context(&database),
    );
    let before = database.application_rows();
    let theirs = Way::to_token(seed::RELEASE, "release", "release-bot");
    let nobodys = Way::to_token(NOBODY, "no-such-name", "nobody");
    for (theirs, nobodys) in theirs.iter().zip(&nobodys) {
        let told = |way: &Way, error: Error| {
            let told = way.told(&error);
            for stranger in [seed::RELEASE, "release-bot"] {
                let text = format!("{told:?}");
                assert!(!text.contains(stranger), "{stranger} in {text}");
            }
            told
        };
        for action in [Action::Expire, Action::Delete] {
            let plan_of = |context: &Context, way: &Way| {
                told(way, refused(plan(context, way.request(action))))
            };
            let as_mine = plan_of(&mine, theirs);
            assert_eq!(as_mine, plan_of(&mine, nobodys), "{action} {}", theirs.word);
            assert_eq!(as_mine, plan_of(&everybody, nobodys), "{action}");
        }
        let back = |context: &Context, way: &Way| {
            let request = Request {
                owner: way.owner.map(str::to_owned),
                ..restore(None, way.selectors.clone())
            };
            told(way, refused(plan(context, request)))
        };
        assert_eq!(
            back(&mine, theirs),
            back(&everybody, nobodys),
            "restore {}",
            theirs.word
        );
        let [selector] = theirs.selectors.as_slice() else {
            panic!("one selector")
        };
        if matches!(selector, Selector::Filtered(_) | Selector::Owner(_)) {
            continue;
        }
        let look = |context: &Context, way: &Way| {
            let error = shown(context, &way.selectors[0], way.owner).expect_err("there is none");
            told(way, error)
        };
        assert_eq!(
            look(&mine, theirs),
            look(&mine, nobodys),
            "show {}",
            theirs.word
        );
        assert_eq!(look(&mine, theirs), look(&everybody, nobodys), "show");
        // Or it would prove nothing.
        shown(&everybody, selector, theirs.owner).expect("there is one");
    }
    assert_eq!(database.application_rows(), before);
}

#[test]
fn their_own_are_found_by_every_word() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let keys = keys_of(&database, "ci-runner");
    for way in Way::to_token(seed::HOT, "build-cache", "ci-runner") {
        let planned = plan(&mine, way.request(Action::Expire));
        let planned = planned.unwrap_or_else(|refusal| panic!("{}", refusal.error));
        let found = planned.plan().owned_keys();
        if matches!(&way.selectors[0], Selector::Owner(_)) || way.word == "ci-runner" {
            assert_eq!(found, keys);
        } else {
            assert_eq!(found, [seed::HOT], "{}", way.word);
        }
    }
    // Nine others have one of this name.
    let deploy = shown(&mine, &Selector::parse("deploy-bot"), None).expect("it is theirs alone");
    assert_eq!(deploy.token.key, seed::DUPLICATE);
    assert!(shown(&context(&database), &Selector::parse("deploy-bot"), None).is_err());
}

#[test]
fn everything_means_theirs_alone_and_is_counted_so() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let keys = keys_of(&database, "ci-runner");
    assert_eq!(keys.len(), 4);
    assert_eq!(listed(&mine, all(), None), keys);
    // One more than asked for, so that a cut can be told.
    assert_eq!(listed(&mine, all(), Some(2)), keys[..3]);
    assert_eq!(listed(&mine, all(), Some(4)), keys);
    assert!(listed(&context(&database), all(), None).len() > 100);
    for owner in ["release-bot", "RELEASE-BOT", "mira@example.com", "nobody"] {
        let filter = Filter {
            owner: Some(owner.to_owned()),
            ..all()
        };
        assert_eq!(listed(&mine, filter, None), Vec::<String>::new(), "{owner}");
    }
    let everything = |expect, max_rows| Request {
        expect,
        max_rows,
        ..request(Action::Expire, vec![Selector::Filtered(all())])
    };
    let planned = plan(&mine, everything(Some(4), 4)).expect("there are four");
    assert_eq!(planned.plan().owned_keys(), keys);
    let error = refused(plan(&mine, everything(Some(133), 500)));
    let told = "--expect says 133, but the number of tokens that match is 4";
    assert_eq!(error.to_string(), told);
    let error = refused(plan(&mine, everything(None, 3)));
    let told = "the plan has at least 4 tokens, and --max-rows allows 3 in one transaction";
    assert_eq!(error.to_string(), told);
}

#[test]
fn an_ambiguous_name_lists_those_that_there_are() {
    let database = database();
    database.execute("drop index idx_api_key_name");
    database.execute(&format!(
        "update api_keys set token_name = 'ci' where id = '{}'",
        seed::HOT
    ));
    let mine = bound(&database, Some("ci-runner"), None);
    let Err(Error::Ambiguous { found, .. }) = shown(&mine, &Selector::parse("ci"), None) else {
        panic!("there are two")
    };
    let found: BTreeSet<String> = found.into_iter().map(|token| token.key).collect();
    let sql = "select k.id from api_keys as k join users as u on u.id = k.user_id \
                where u.username = 'ci-runner' and k.token_name = 'ci'";
    let wanted: BTreeSet<String> = database
        .query(sql)
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found, wanted);
}

#[test]
fn other_owners_are_unknown() {
    let database = database();
    // One of two of this name, of whom the other is deleted.
    let grace = "select id from users where username = 'grace' and not deleted";
    let id = database.value(grace);
    let (mine, everybody) = (bound(&database, Some(&id), None), context(&database));
    let show = |context: &Context, owner: &str| {
        let request = ShowOwner {
            owner: owner.to_owned(),
        };
        wait(request.run(&open(context)))
    };
    let nobodys = show(&everybody, "nobody").expect_err("there is none");
    let others = "select id from users where username = 'grace' and deleted";
    let (other, mira) = (
        database.value(others),
        database.value("select id from users where username = 'mira'"),
    );
    for owner in ["mira", "Mira@Example.com", &mira, &other] {
        let error = show(&mine, owner).expect_err("it is nobody to them");
        assert_eq!(
            (error.code(), error.hint()),
            (nobodys.code(), nobodys.hint())
        );
        assert_eq!(
            error.to_string(),
            nobodys.to_string().replace("nobody", owner)
        );
    }
    // Ambiguous to everybody else.
    assert_eq!(
        show(&everybody, "grace").expect_err("there are two").code(),
        "ambiguous_owner"
    );
    for owner in ["grace", "GRACE@example.com", &id] {
        let access = show(&mine, owner).expect("that is them");
        assert_eq!(access.owner.owner.id, id);
        let oauth = access.credentials().find(|it| it.token.key == seed::OAUTH);
        assert_eq!(oauth.map(|it| it.companions.len()), Some(1));
        let cut = request(Action::Expire, vec![Selector::Owner(owner.to_owned())]);
        let cut = plan(&mine, cut).expect("there is something");
        assert!(
            cut.plan()
                .companions
                .iter()
                .any(|it| it.token == seed::OAUTH)
        );
    }
}

#[test]
fn an_actor_of_the_application_is_the_owner_alone() {
    let database = database();
    let (mine, everybody) = (bound(&database, Some("mira"), None), context(&database));
    let planned = |context: &Context, actor: &str| {
        let request = Request {
            app_actor: Some(actor.to_owned()),
            ..request(Action::Expire, vec![Selector::parse(seed::SESSION)])
        };
        plan(context, request)
    };
    for actor in ["mira", "mira@example.com"] {
        planned(&mine, actor).expect("it is them");
    }
    planned(&everybody, "alina").expect("there is such a user");
    let (theirs, nobodys) = (
        refused(planned(&mine, "alina")),
        refused(planned(&mine, "nobody")),
    );
    assert_eq!(
        (theirs.code(), theirs.hint()),
        (nobodys.code(), nobodys.hint())
    );
    assert_eq!(
        theirs.to_string(),
        nobodys.to_string().replace("nobody", "alina")
    );
}

#[test]
fn secrets_of_others_are_unknown_to_a_sweep() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let wrong = format!("{}-{}", seed::RELEASE, seed::secret_of(NOBODY));
    let secrets = [
        seed::token_of(seed::HOT),
        seed::token_of(seed::RELEASE),
        wrong,
        seed::token_of(seed::EXPIRED),
        seed::token_of(NOBODY),
    ];
    let desk = open(&mine);
    let shape = SecretShape::of(&desk.bound.adapter).expect("it says so");
    let mut text = std::io::Cursor::new(secrets.join("\n"));
    let (leak, _format) =
        scan(&mut text, &shape, Options::default(), &Progress::default()).expect("it can be read");
    let sweep = Sweep { leak, input: None };
    let hits = wait(async { sweep.run(&desk)?.try_collect::<Vec<_>>().await });
    let hits = hits.unwrap_or_else(|error| panic!("{error}"));
    let verdicts: Vec<HitVerdict> = hits.iter().map(|hit| hit.verdict).collect();
    let unknown = HitVerdict::Unknown;
    assert_eq!(
        verdicts,
        [HitVerdict::Live, unknown, unknown, unknown, unknown]
    );
    for hit in &hits[1..] {
        assert_eq!((&hit.token, hit.verified), (&None, None), "{hit:?}");
    }
}

#[test]
fn a_kind_that_is_not_theirs_is_not_there() {
    let database = database();
    let mine = bound(&database, None, Some(&["token", "oauth"]));
    let everybody = context(&database);
    let keys = listed(&mine, all(), None);
    let wanted =
        "select count(*) from api_keys where login_type in ('token', 'oauth2_provider_app')";
    assert_eq!(keys.len().to_string(), database.value(wanted));
    for key in [seed::HOT, seed::OAUTH] {
        shown(&mine, &Selector::parse(key), None).expect("it is of a kind of theirs");
    }
    for key in [seed::SESSION, seed::CLI_AUTH, seed::WORKSPACE] {
        let way = |key: &str| Way::new(key, Selector::parse(&format!("id:{key}")));
        let told = |context: &Context, key: &str| {
            let way = way(key);
            way.told(&refused(plan(context, way.request(Action::Expire))))
        };
        assert_eq!(told(&mine, key), told(&everybody, NOBODY));
    }
    let sessions = Filter {
        kinds: Kinds::Named(vec!["session".to_owned()]),
        ..all()
    };
    assert_eq!(listed(&mine, sessions, None), Vec::<String>::new());
    // Of a person they see what is of these kinds.
    let request = ShowOwner {
        owner: "jasmin".to_owned(),
    };
    let access = wait(request.run(&open(&mine))).expect("they are known");
    let kinds: Vec<&str> = access.kinds.iter().map(|of| of.kind.as_str()).collect();
    assert_eq!(kinds, ["token", "oauth"]);
    // Both at once.
    let mine = bound(&database, Some("mira"), Some(&["session"]));
    let of_mira = "select k.id from api_keys as k join users as u on u.id = k.user_id where username = 'mira' \
                   and k.login_type = 'oidc' and k.token_name = '' order by k.id";
    let wanted: Vec<String> = database
        .query(of_mira)
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert_eq!(listed(&mine, all(), None), wanted);
}

#[test]
fn where_there_are_no_owners_a_bound_caller_sees_nothing() {
    let database = TestDatabase::new(Template::Inhouse);
    let file = std::fs::read_to_string("tests/fixtures/inhouse.toml").expect("it is there");
    let (before, rest) = file.split_once("[owner]").expect("it has owners");
    let (_owner, after) = rest.split_once("[times.created]").expect("times follow");
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("there is room");
    std::fs::write(file.path(), format!("{before}[times.created]{after}")).expect("there is room");
    let adapter = load(file.path()).unwrap_or_else(|error| panic!("{error}"));
    let everybody = with_adapters(&database, vec![adapter]);
    assert_eq!(listed(&everybody, all(), None).len(), 7);
    let error = wait(Scope::resolve(&open(&everybody), Some("1"), None));
    assert_eq!(error.expect_err("there are none").code(), "no_owners");
    let mine = Context {
        scope: Scope {
            owner: Some("1".to_owned()),
            kinds: None,
        },
        ..everybody
    };
    assert_eq!(listed(&mine, all(), None), Vec::<String>::new());
    let error = shown(&mine, &Selector::parse("id:1"), None).expect_err("there is none");
    assert_eq!(error.to_string(), "no token matches id:1");
}

#[test]
fn a_scope_is_of_one_owner_and_of_kinds_that_there_are() {
    let database = database();
    let desk = open(&context(&database));
    let id = database.value("select id from users where username = 'mira'");
    for word in ["mira", "MIRA@example.com", &id] {
        let scope = wait(Scope::resolve(&desk, Some(word), None));
        let scope = scope.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scope.owner.as_deref(), Some(id.as_str()));
        assert!(!scope.is_open());
    }
    let code = |owner: Option<&str>, kinds: Option<Vec<String>>| {
        let scope = wait(Scope::resolve(&desk, owner, kinds.as_deref()));
        scope.expect_err("it cannot be").code()
    };
    assert_eq!(code(Some("grace"), None), "ambiguous_owner");
    assert_eq!(code(Some("nobody"), None), "no_such_owner");
    assert_eq!(code(None, Some(vec!["door".to_owned()])), "unknown_kind");
    let open_to_all = wait(Scope::resolve(&desk, None, None)).expect("it is nothing");
    assert!(open_to_all.is_open());
}
