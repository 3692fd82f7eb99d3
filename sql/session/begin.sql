-- Opens the transaction of a change. Constant text: a role's or database's defaults may say otherwise.
begin isolation level read committed read write
