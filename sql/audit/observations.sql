-- Lists what was seen after an operation.
--   $1 uuid  operation
select s.observed_at, s.key, s.verdict, s.detail
  from breakglass.observation as s
 where s.operation_id = $1::uuid
order by s.id
