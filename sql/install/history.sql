-- Lists the migrations that were applied.
select version, name, applied_on, checksum
  from breakglass.schema_history
order by version
