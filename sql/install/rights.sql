-- Says whether the current role may install, and what is there already.
--   $1 text  the operator role that was asked for, or null   $2 text  the token table's owner, or null
select has_database_privilege(current_database(), 'create')                              as may_create_schema,
       exists (select from pg_namespace where nspname = 'breakglass')                    as schema_exists,
       coalesce((select pg_has_role(nspowner, 'usage')
                   from pg_namespace where nspname = 'breakglass'), true)                as owns_schema,
       (select rolsuper or rolcreaterole from pg_roles where rolname = current_user)     as may_create_role,
       exists (select from pg_roles where rolname = $1)                                  as role_exists,
       coalesce((select rolsuper from pg_roles where rolname = $1), false)               as role_is_superuser,
       coalesce((select has_schema_privilege(r.oid, n.oid, 'usage')
                   from pg_roles as r, pg_namespace as n
                  where r.rolname = $1 and n.nspname = 'breakglass'), false)             as role_is_ours,
       coalesce((select pg_has_role(r.oid, o.oid, 'member')
                   from pg_roles as r, pg_roles as o
                  where r.rolname = $1 and o.rolname = $2), false)                       as role_owns_tokens,
       coalesce((select pg_has_role(r.oid, n.nspowner, 'member')
                   from pg_roles as r, pg_namespace as n
                  where r.rolname = $1 and n.nspname = 'breakglass'), false)             as role_owns_log,
       exists (select
                 from pg_namespace
                where nspname = 'breakglass' and pg_get_userbyid(nspowner) = $2
                  and $2 <> current_user
                  and not (select rolsuper from pg_roles where rolname = $2))                                              as log_is_the_applications,
       coalesce(quote_ident($1), '')                                                     as quoted_role,
       current_user::text                                                                as me,
       (select pg_get_userbyid(datdba)::text
          from pg_database where datname = current_database())                           as database_owner
