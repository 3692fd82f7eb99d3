-- Records what came of a signal.
--   $1 uuid  operation   $2 text  result   $3 text  detail, or null
with seen as (
  insert into breakglass.signal_result (operation_id, result, detail)
  values ($1::uuid, $2::text, $3::text)
  returning 1
)
select (select count(*) from seen)::integer as observations
