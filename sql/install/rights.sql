-- Says whether the current role may install, and what is there already.
--   $1 text  the operator role that was asked for, or null
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
       coalesce(quote_ident($1), '')                                                     as quoted_role,
       current_user::text                                                                as me,
       (select pg_get_userbyid(datdba)::text
          from pg_database where datname = current_database())                           as database_owner
