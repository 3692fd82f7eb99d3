//! What happens when the wire or the server fails: the answer and the tables agree every time.

mod commit;
mod layers;
mod proxy;
mod server;
