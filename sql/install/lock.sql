-- Lets one installation run at a time in this database; ends with the transaction, so that it
-- does not leak through a pooler. The number is 'breakgls' in ASCII.
select pg_advisory_xact_lock(7093020905441950835)
