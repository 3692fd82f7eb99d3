-- Lets a plan wait until it is applied.
--   $1 uuid   the operation that it will be     $2 text   its digest
--   $3 text   the principal that had it made    $4 float8 how long it may wait, in seconds
--   $5 jsonb  the plan
with held as (
  insert into breakglass.plan (operation_id, digest, principal, expires_at, content)
  values ($1::uuid, $2::text, $3::text, now() + make_interval(secs => $4::float8), $5::jsonb)
  returning created_at, expires_at
)
select count(*)::integer as plans_held,
       max(created_at)   as created_at,
       max(expires_at)   as expires_at
  from held
