-- Says which cluster this is, where this role may know it; asked of every session on a target that
-- has its cluster pinned.
select case when has_function_privilege('pg_control_system()', 'execute')
            then (select system_identifier::text from pg_control_system())
       end as system_identifier
