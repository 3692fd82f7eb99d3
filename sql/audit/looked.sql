-- Says what the last look at all tokens of a run came to, if there was one.
--   $1 uuid  the run
select s.verdict
  from breakglass.observation as s
 where s.operation_id = $1::uuid
order by s.id desc
 limit 1
