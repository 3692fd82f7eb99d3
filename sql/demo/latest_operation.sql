-- The id of the newest operation.
select id::text from breakglass.operation order by occurred_at desc limit 1
