//! `/v1/sweeps`: judging the secrets of a leak. Killing them is a plan of its own.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;

use crate::adapter::SecretShape;
use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::extract::bytes;
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::http::wanted::parts;
use crate::model::wire::{SweepAnswer, SweepRequest, Verdicts};
use crate::model::{Hit, JSON_SCHEMA, Problem, SweepDocument, SweepHead, SweepSummary};
use crate::ops::{Desk, Error, JudgeCandidates, Sweep};
use crate::scan::{self, Leak, Options, Progress};

/// Candidates in one request at most.
const CANDIDATES: usize = 4096;

/// Judges the secrets of a leak, which is text, a diff or a report; or of one that was searched already
#[utoipa::path(post, path = "/v1/sweeps", tag = "sweeps",
    request_body(description = "a leak as text/plain, or as JSON what was found in one", content(
        (SweepRequest = "application/json"), (String = "text/plain"))),
    responses((status = 200, body = SweepAnswer),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn sweep(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Refused> {
    caller.must(Permission::Sweep)?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_leak = match kind.to_ascii_lowercase().as_str() {
        "application/json" => false,
        "text/plain" | "application/octet-stream" => true,
        _ => {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media_type",
                "a leak is `text/plain`, and what was found in one `application/json`",
            ));
        }
    };
    let body = bytes(request, &()).await?;
    let desk = app.context_of(&caller).await?.open().await?;
    if is_leak {
        return Ok(Json(searched(&desk, body).await?).into_response());
    }
    let SweepRequest { candidates } = serde_json::from_slice(&body)
        .map_err(|_what| Refused::usage("the body is no list of candidates"))?;
    if candidates.len() > CANDIDATES {
        return Err(Refused::usage(format!(
            "there are more than {CANDIDATES} candidates; send them in several requests"
        )));
    }
    let judge = JudgeCandidates {
        candidates: candidates.into_iter().map(parts).collect(),
    };
    let verdicts = Verdicts {
        schema: JSON_SCHEMA,
        verdicts: judge.run(&desk).await?,
    };
    Ok(Json(verdicts).into_response())
}

/// Searches a leak and judges what is in it.
async fn searched(desk: &Desk, body: Bytes) -> Result<SweepDocument, Refused> {
    let adapter = desk.bound.adapter.clone();
    let name = adapter.name.clone();
    let none = || Error::NoSecretShape(name.clone());
    let searching = tokio::task::spawn_blocking(move || {
        let shape = SecretShape::of(&adapter)?;
        let progress = Progress::default();
        Some(scan::scan(
            &mut body.as_ref(),
            &shape,
            Options::default(),
            &progress,
        ))
    });
    let found = searching.await.map_err(|_panic| Refused::internal())?;
    let (leak, format) = found
        .ok_or_else(none)?
        .map_err(|_unreadable| Refused::usage("the leak cannot be read"))?;
    let (summary, hits) = judged(desk, leak).await?;
    Ok(SweepDocument {
        schema: JSON_SCHEMA,
        hits,
        summary: SweepHead {
            input: None,
            format: format.as_str().to_owned(),
            adapter: name,
            summary,
        },
        receipt: None,
    })
}

async fn judged(desk: &Desk, leak: Leak) -> Result<(SweepSummary, Vec<Hit>), Error> {
    let mut summary = SweepSummary {
        bytes: leak.bytes(),
        occurrences: leak.occurrences(),
        secrets: leak.len() as u64,
        ..SweepSummary::default()
    };
    let sweep = Sweep { leak, input: None };
    let hits: Vec<Hit> = sweep.run(desk)?.try_collect().await?;
    for hit in &hits {
        summary.count(hit);
    }
    Ok((summary, hits))
}
