-- Takes away a plan that was applied or declined.
--   $1 uuid  the operation
with released as (
  delete from breakglass.plan where operation_id = $1::uuid
  returning 1
)
select count(*)::integer as plans_removed
  from released
