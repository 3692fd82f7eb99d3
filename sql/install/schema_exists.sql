-- Says whether breakglass's schema is there.
select from pg_namespace where nspname = 'breakglass'
