-- Finds the newest plan that waits for a principal and is not over. What is not asked for is null.
--   $1 text  the principal that had it made
--   $2 text  its digest                        $3 uuid  the operation that it will be
select p.operation_id, p.digest, p.principal, p.created_at, p.expires_at, p.content
  from breakglass.plan as p
 where p.principal = $1::text
   and ($2::text is null or p.digest = $2::text)
   and ($3::uuid is null or p.operation_id = $3::uuid)
   and p.expires_at > now()
order by p.created_at desc, p.operation_id desc
 limit 1
