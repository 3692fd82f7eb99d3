-- Ends a transaction that must leave nothing behind.
rollback
