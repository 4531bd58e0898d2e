//! What is known of a job, as JSON: the paths and names of Spark Streaming, and what that does not have.

mod engine;
mod streaming;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;

use self::engine::{Checkpoint, Operator, Warning};
use self::streaming::{Application, Batch, Operation, Receiver, Statistics, name};
use super::journal::{Entry, Journal, Pages};
use crate::time::Time;

/// The description of all answers.
const OPENAPI: &str = include_str!("openapi.json");

/// A job that is asked about: its name, which is its id, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: Arc<str>,
    /// Whether it may be stopped from outside.
    pub(super) stoppable: bool,
    pub(super) journal: Arc<Journal>,
}

/// No such thing, and what is missing.
pub(super) struct Missing(String);

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        (StatusCode::NOT_FOUND, Json(json!({ "error": self.0 }))).into_response()
    }
}

type Answer<T> = Result<Json<T>, Missing>;

pub(super) fn router(asked: Asked) -> Router {
    let streaming = Router::new()
        .route("/statistics", get(async |job| answer(job, |pages| Ok(Statistics::of(pages)))))
        .route("/receivers", get(async |job| answer(job, receivers)))
        .route("/receivers/{stream}", get(receiver))
        .route("/batches", get(batches))
        .route("/batches/{batch}", get(batch))
        .route("/batches/{batch}/operations", get(operations))
        .route("/batches/{batch}/operations/{operation}", get(operation))
        .route("/batches/{batch}/operators", get(operators_of_batch))
        .route("/operators", get(async |job| answer(job, operators)))
        .route("/checkpoints", get(async |job| answer(job, checkpoints)))
        .route("/warnings", get(async |job| answer(job, |pages| Ok(Warning::all(pages)))));
    Router::new()
        .route("/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], OPENAPI)))
        .route("/applications", get(applications))
        .route("/applications/{app}", get(application))
        .nest("/applications/{app}/streaming", streaming)
        .fallback(async || Missing("there is no such path: see /api/v1/openapi.json".to_owned()))
        .with_state(asked)
}

/// A job that was asked for by its id.
pub(super) struct Job(pub(super) Asked);

impl axum::extract::FromRequestParts<Asked> for Job {
    type Rejection = Missing;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, asked: &Asked) -> Result<Self, Missing> {
        let path = Path::<std::collections::BTreeMap<String, String>>::from_request_parts(parts, asked).await;
        match path.ok().and_then(|Path(mut path)| path.remove("app")) {
            Some(id) if *id == *asked.id => Ok(Self(asked.clone())),
            Some(id) => Err(Missing(format!("there is no application {id:?}, only {:?}", asked.id))),
            None => Err(Missing("there is no such application".to_owned())),
        }
    }
}

fn answer<T: Serialize>(Job(asked): Job, of: impl FnOnce(&Pages) -> Result<T, Missing>) -> Answer<T> {
    of(&asked.journal.pages()).map(Json)
}

async fn applications(State(asked): State<Asked>) -> Json<Vec<Application>> {
    Json(vec![Application::of(&asked)])
}

async fn application(Job(asked): Job) -> Json<Application> {
    Json(Application::of(&asked))
}

fn receivers(pages: &Pages) -> Result<Vec<Receiver>, Missing> {
    Ok(pages.sources.iter().map(|source| Receiver::of(source, pages)).collect())
}

async fn receiver(job: Job, Path((_, id)): Path<(String, String)>) -> Answer<Receiver> {
    answer(job, |pages| {
        let source = pages.sources.iter().find(|source| source.id.to_string() == id);
        let source = source.ok_or_else(|| Missing(format!("there is no receiver {id}")))?;
        Ok(Receiver::of(source, pages))
    })
}

#[derive(serde::Deserialize)]
struct Wanted {
    status: Option<String>,
    limit: Option<usize>,
}

/// A query that cannot be read, and why.
struct Unreadable(QueryRejection);

impl IntoResponse for Unreadable {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0.body_text() }))).into_response()
    }
}

async fn batches(job: Job, query: Result<Query<Wanted>, QueryRejection>) -> Result<Answer<Vec<Batch>>, Unreadable> {
    let Query(Wanted { status, limit }) = query.map_err(Unreadable)?;
    let is_wanted =
        |entry: &&Entry| status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(name(entry.status)));
    let most = limit.unwrap_or(usize::MAX);
    Ok(answer(job, |pages| Ok(pages.batches.values().rev().filter(is_wanted).take(most).map(Batch::of).collect())))
}

fn entry<'a>(pages: &'a Pages, id: &str) -> Result<&'a Entry, Missing> {
    let time = id.parse().map(Time::from_millis).ok();
    let entry = time.and_then(|time| pages.batches.get(&time));
    entry.ok_or_else(|| Missing(format!("there is no batch {id}, or it is kept no longer")))
}

async fn batch(job: Job, Path((_, id)): Path<(String, String)>) -> Answer<Batch> {
    answer(job, |pages| entry(pages, &id).map(Batch::of))
}

async fn operations(job: Job, Path((_, id)): Path<(String, String)>) -> Answer<Vec<Operation>> {
    answer(job, |pages| Ok(entry(pages, &id)?.batch.outputs.iter().map(Operation::of).collect()))
}

async fn operation(job: Job, Path((_, id, output)): Path<(String, String, String)>) -> Answer<Operation> {
    answer(job, |pages| {
        let mut outputs = entry(pages, &id)?.batch.outputs.iter();
        let found = outputs.find(|known| known.id.to_string() == output);
        found.map(Operation::of).ok_or_else(|| Missing(format!("batch {id} has no output operation {output}")))
    })
}

async fn operators_of_batch(job: Job, Path((_, id)): Path<(String, String)>) -> Answer<Vec<Operator>> {
    answer(job, |pages| Ok(Operator::all(&entry(pages, &id)?.batch.operators, pages)))
}

fn operators(pages: &Pages) -> Result<Vec<Operator>, Missing> {
    Ok(Operator::all(&pages.operators, pages))
}

fn checkpoints(pages: &Pages) -> Result<Vec<Checkpoint>, Missing> {
    Ok(pages.checkpoints.iter().rev().map(Checkpoint::of).collect())
}

/// A time as RFC 3339 has it, in UTC; one that no calendar knows as its milliseconds.
fn stamp(time: Time) -> String {
    match jiff::Timestamp::from_millisecond(time.millis()) {
        Ok(stamp) => format!("{stamp:.3}"),
        Err(_) => time.millis().to_string(),
    }
}
