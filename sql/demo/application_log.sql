-- What Coder's UI reads: one row, exactly as coderd would have written it.
select jsonb_pretty(to_jsonb(l) - 'id' - 'organization_id' - 'resource_icon')
  from public.audit_logs as l
 where l.request_id::text = $1::text
