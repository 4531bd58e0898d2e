//! What a page is told: the whole state, then updates as they come.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::routing::get;
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::monitor::dashboard::board::{Board, Event};

pub(super) fn router(board: Arc<Board>) -> Router {
    Router::new().route("/events", get(events)).with_state(board)
}

/// A page that is too far behind gets the whole state again.
async fn events(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let (first, receiver) = board.subscribe();
    let page = Page { board, receiver, waiting: first.into() };
    let stream = stream::unfold(page, async |mut page| page.next().await.map(|event| (sent(&event), page)));
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// A connected page.
struct Page {
    board: Arc<Board>,
    receiver: Receiver<Event>,
    waiting: VecDeque<Event>,
}

impl Page {
    async fn next(&mut self) -> Option<Event> {
        if self.waiting.is_empty() {
            match self.receiver.recv().await {
                Ok(event) => self.waiting.push_back(event),
                Err(RecvError::Lagged(_)) => {
                    let (first, receiver) = self.board.subscribe();
                    self.receiver = receiver;
                    self.waiting.extend(first);
                }
                Err(RecvError::Closed) => return None,
            }
        }
        self.waiting.pop_front()
    }
}

fn sent(event: &Event) -> Result<sse::Event, Infallible> {
    Ok(sse::Event::default().event(event.name()).data(event.data()))
}
