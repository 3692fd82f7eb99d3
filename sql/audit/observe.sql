-- Records what was seen after the commit.
--   $1 uuid  operation   $2 jsonb  an array with an object a token: key, verdict, detail
with seen as (
  insert into breakglass.observation (operation_id, key, verdict, detail)
  select $1::uuid, s.key, s.verdict, s.detail
    from jsonb_to_recordset($2::jsonb) as s (key text, verdict text, detail text)
  returning 1
)
select (select count(*) from seen)::integer as observations
