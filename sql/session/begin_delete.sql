-- Opens the transaction of a delete: rows that the catalogue takes along must be those that were
-- counted, so one that came since fails it (40001).
begin isolation level repeatable read read write
