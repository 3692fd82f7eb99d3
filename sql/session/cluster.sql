-- Says which cluster this is. A statement of its own, since a role that may not ask is refused when
-- it is planned, whatever stands around the call.
select system_identifier::text as system_identifier
  from pg_control_system()
