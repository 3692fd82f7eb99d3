-- Takes away the plans that nobody may apply any more.
with cleared as (
  delete from breakglass.plan where expires_at <= now()
  returning 1
)
select count(*)::integer as plans_removed
  from cleared
