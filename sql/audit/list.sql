-- Lists operations, newest first. A filter that was not given is null.
--   $1 timestamptz  since          $2 timestamptz  until
--   $3 text         actor: database role, HTTP principal, operating system's user or the application's
--   $4 text         action         $5 text         outcome
--   $6 text         token: key or label of a row that it changed
--   $7 text         owner: key or login of such a row
--   $8 bigint       at most so many rows
--   $9 boolean      also the batches of runs that were done: the run itself tells what they changed
--   $10 text[]      tables and
--   $11 text[]      keys of rows that must die with that token: what changed them names no token
--   $12 to $15      the scope: adapter, owner's key, kinds, token table; all null for everything
--   $16 timestamptz and $17 uuid  only what is older: when the operation was that the page before
--                   ended with, and its id
select /* columns */
  from breakglass.operation as o
 cross join (select $12::text as adapter, $13::text as owner, $14::text[] as kinds,
                    $15::text as relation) as scope
/* run */
 where ($1::timestamptz is null or o.occurred_at >= $1::timestamptz)
   and ($2::timestamptz is null or o.occurred_at < $2::timestamptz)
   and ($3::text is null or $3::text in (o.db_user, o.os_user, o.app_actor, o.http_principal))
   and ($4::text is null or o.action = $4::text)
   and ($5::text is null or o.outcome = $5::text)
   and (($6::text is null and $7::text is null)
        or exists (select
                     from breakglass.change as c
                    where c.operation_id = o.id
                      and ($6::text is null or $6::text in (c.key, c.label)
                           or (c.relation, c.key) in (select n.relation, n.key
                                                        from unnest($10::text[], $11::text[])
                                                          as n (relation, key)))
                      and ($7::text is null or $7::text in (c.owner_id, c.owner_login))))
   and ($9::boolean or o.cause is distinct from 'batch' or o.outcome not in ('applied', 'unchanged'))
/* scoped */
   and ($16::timestamptz is null or (o.occurred_at, o.id) < ($16::timestamptz, $17::uuid))
order by o.occurred_at desc, o.id desc
 limit $8::bigint
