//! What the application does meanwhile: coderd's own statements, each in a transaction of its own.

use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::world::{Universe, insert, insert_refresh};

/// A write of the application that was acknowledged.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) key: String,
    pub(crate) what: &'static str,
    /// When the acknowledgement was here: the server had committed it by then.
    pub(crate) acknowledged: Instant,
}

/// The application of one schedule.
pub(crate) struct Application<'a> {
    universe: &'a Universe<'a>,
    random: Rng,
}

impl<'a> Application<'a> {
    pub(crate) fn new(universe: &'a Universe<'a>, random: Rng) -> Self {
        Self { universe, random }
    }

    /// Writes for a while.
    pub(crate) async fn act(mut self) -> Vec<Write> {
        let client = self.universe.world.application().await;
        let mut writes = Vec::new();
        for _ in 0..self.random.usize(2..=9) {
            pause(&mut self.random, 8).await;
            let key = self.universe.any_key(&mut self.random).to_owned();
            let what = self.write(&client, &key).await;
            writes.push(Write {
                key,
                what,
                acknowledged: Instant::now(),
            });
        }
        writes
    }

    async fn write(&mut self, client: &Client, key: &str) -> &'static str {
        let (owner, random) = (&self.universe.owner, &mut self.random);
        let run = |sql: String| async move {
            let done = client.batch_execute(&sql).await;
            // A token may go between its being found and being pointed at.
            let known = Some(&SqlState::FOREIGN_KEY_VIOLATION);
            if let Err(error) = done.as_ref()
                && error.code() != known
            {
                panic!("{sql}: {error:?}");
            }
        };
        match random.u8(0..10) {
            // UpdateAPIKeyByID: three absolute values from a copy that was read before, by id only.
            0..=4 => {
                let slide = random.bool();
                let copy = "select last_used::text, expires_at::text, ip_address::text from api_keys \
                             where id = $1 and expires_at > now()";
                let row = client.query_opt(copy, &[&key]).await.expect("it is read");
                let Some(row) = row else {
                    return "the application found nothing alive";
                };
                pause(random, 15).await;
                let (ends, address): (String, String) = (row.get(1), row.get(2));
                let ends = if slide {
                    "now() + interval '1 day'".to_owned()
                } else {
                    format!("'{ends}'")
                };
                run(format!(
                    "update api_keys set last_used = now(), expires_at = {ends}, ip_address = '{address}' \
                      where id = '{key}'"
                ))
                .await;
                "the application wrote three stale columns"
            }
            5 => {
                run(format!(
                    "update api_keys set last_used = now() where id = '{key}'"
                ))
                .await;
                "the application used a token"
            }
            6 => {
                run(format!("delete from api_keys where id = '{key}'")).await;
                "the application deleted a token"
            }
            7 => {
                run(insert(
                    owner,
                    key,
                    "token",
                    &format!("again-{key}"),
                    "1 day",
                ))
                .await;
                "the application made a token"
            }
            8 => {
                run(insert_refresh(owner, key)).await;
                "the application made a refresh token"
            }
            _ => {
                run(format!(
                    "update api_keys set expires_at = now() where id = '{key}' and expires_at > now()"
                ))
                .await;
                "the application expired a token"
            }
        }
    }
}

/// Up to so many milliseconds, or none at all.
pub(crate) async fn pause(random: &mut Rng, most: u64) {
    if random.bool() {
        sleep(Duration::from_micros(random.u64(0..most * 1000))).await;
    }
}
