-- The time zones that this role's sessions, the database's, and those of the tables' owner begin with.
--   $1 text  owner of the application's token table
select 'this role'::text as whose, reset_val as zone
  from pg_settings
 where name = 'TimeZone'
 union
select case when s.setrole = 0 then 'the database' else 'role ' || pg_get_userbyid(s.setrole) end,
       substr(setting, position('=' in setting) + 1)
  from pg_db_role_setting as s
 cross join unnest(s.setconfig) as setting
 where lower(split_part(setting, '=', 1)) = 'timezone'
   and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
   and (s.setrole = 0 or pg_get_userbyid(s.setrole) = $1::text)
order by 1
