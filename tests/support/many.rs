//! Many tokens, for runs of batches.

use super::TestDatabase;

impl TestDatabase {
    /// Adds so many live tokens to Coder's `api_keys`: `bulk-1`, `bulk-2` and so on, with the keys
    /// `b000000001`, `b000000002` and so on.
    pub(crate) fn add_tokens(&self, many: usize) {
        self.execute(&format!(
            "insert into api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at,
                                   updated_at, login_type, lifetime_seconds, ip_address, token_name,
                                   scopes, allow_list)
             select 'b' || lpad(i::text, 9, '0'), sha256(('secret ' || i)::bytea),
                    (select id from users where not deleted order by username limit 1),
                    now() - interval '1 day', now() + interval '30 days', now() - interval '9 days',
                    now() - interval '1 day', 'token', 2592000, '10.0.0.1', 'bulk-' || i,
                    '{{coder:all}}', '{{*:*}}'
               from generate_series(1, {many}) as i"
        ));
    }

    /// How many of them are alive.
    pub(crate) fn bulk_alive(&self) -> usize {
        let alive = self.value(
            "select count(*) from api_keys where id like 'b_________' and token_name like 'bulk-%'
                and not expires_at < now()",
        );
        alive.parse().expect("a count")
    }

    /// A digest over every row of `api_keys` that is not one of them.
    pub(crate) fn others(&self) -> String {
        self.value(
            "select md5(string_agg(k::text, ' ' order by id)) from api_keys as k
              where token_name not like 'bulk-%'",
        )
    }
}
