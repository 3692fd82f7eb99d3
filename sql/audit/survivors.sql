-- Lists the tokens of a run of which the last that was seen is not that they are dead.
--   $1 uuid    the run
--   $2 bigint  at most so many
with seen as (
  select distinct on (s.operation_id, s.key)
         s.observed_at, s.key, s.verdict, s.detail
    from breakglass.operation as b
    join breakglass.observation as s on s.operation_id = b.id
   where b.parent_id = $1::uuid and b.cause = 'batch'
order by s.operation_id, s.key, s.id desc
)
select observed_at, key, verdict, detail
  from seen
 where verdict in ('resurrected', 'restored', 'accepted', 'unknown')
order by key
 limit $2::bigint
