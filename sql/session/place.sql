-- Says where a transaction is, from within it: behind a pooler it may be elsewhere than the last.
select current_database()::text as name,
       session_user::text       as role
