-- Triggers, rules and row security on a table: what can swallow or rewrite a write without an error.
--   $1 text  schema   $2 text  table
select 'trigger ' || quote_ident(t.tgname) as what
  from pg_trigger as t
  join pg_class as c on c.oid = t.tgrelid
  join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2 and not t.tgisinternal and t.tgenabled <> 'D'
   and (t.tgtype & 24) <> 0                                      -- fires on update or delete
 union all
select 'rule ' || quote_ident(r.rulename)
  from pg_rewrite as r
  join pg_class as c on c.oid = r.ev_class
  join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2 and r.ev_type in ('2', '4')
 union all
select 'row security policy ' || quote_ident(p.polname)
  from pg_policy as p
  join pg_class as c on c.oid = p.polrelid
  join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2 and c.relrowsecurity
