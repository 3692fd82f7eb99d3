-- Makes breakglass's own schema; in the transaction that fills it.
create schema if not exists breakglass
