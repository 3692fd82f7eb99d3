//! A new migration file must rebuild the crate; `embed_migrations!` notices edits only.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
