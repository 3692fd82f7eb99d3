-- Closes the search path before any function is called: a schema that a role's or database's
-- defaults put on it could hold one of the same name.
set local search_path to pg_catalog, pg_temp
