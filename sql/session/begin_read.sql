-- Opens the transaction of a read; one snapshot for all of its statements.
begin isolation level repeatable read read only
