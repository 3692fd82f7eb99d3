-- Puts back what an operation set: lock, compare with what it left and with what was shown, change,
-- record, in one statement. The values come from the log, not from the client.
--   $1 jsonb   the operation      $2 jsonb   the plan: an array with an object a token
--   $3 jsonb   its companions     $4 text[]  the keys of the tokens
{% include "tokens/planned.sql" -%}
, {% include "tokens/restored.sql" -%}
, target as (
  select {{ key_column }} as row_key,
         {{ key }} as key,
         {{ kind }} as kind,
         {{ label }} as label,
         {{ owner.id }} as owner_id,
         {{ state }} as state,
         {{ fixed }} as fixed,
         {{ vital }} as vital,
         {{ now }} as now
{%- for column in diff %},
         {{ column.expression }} as {{ column.alias }}
{%- endfor %}
    from {{ table }} as t
   where {{ key_matches("$4") }}
     and {{ key }} in (select planned.key from planned)
     and (select request.path is not null from request)
order by {{ key_column }}
     for update
), same as (                                  -- as it was shown, and as the operation left it
  select target.*, planned.owner_login, planned.after as found, log.back,
         log.back = '{}' as dead              -- nothing to put back: it is as it was before
    from target
    join planned on planned.key = target.key
                and planned.fixed = target.fixed
                and planned.vital = target.vital
                and planned.after <@ target.now
    join restored on restored.relation = {{ relation }}
                 and restored.key = target.key
                 and planned.after <@ restored.after
   cross join lateral (                       -- of the logged columns those that were planned
         select restored.before - array(select jsonb_object_keys(restored.before)
                                        except
                                        select jsonb_object_keys(planned.before)) as back
         ) as log
   where log.back = planned.before
), changed as (                               -- ended here: as it was before, to the last character
     update {{ table }} as t
        set {{ put_back }}
       from same
      cross join lateral jsonb_to_record(same.back) as back ({{ types }})
      where {{ key_column }} = same.row_key
        and not same.dead
  returning {{ key_column }} as row_key,
            {{ state }} as state,
            {{ now }} @> same.back as ended
{%- for column in diff %},
            {{ column.expression }} as {{ column.alias }}
{%- endfor %}
{%- include "tokens/companions_restore.sql" %}
), change as (
  select 0 as place, {{ relation }} as relation, same.key, same.kind, nullif(same.label, '') as label,
         same.owner_id, same.owner_login, same.state as state_before, changed.state as state_after,
         same.found as before, same.back as after
    from same
    join changed using (row_key)
   union all
  select 1, companion.relation, companion.key, companion.name, companion.label,
         companion.owner_id, companion.owner_login, companion.state_before, companion.state_after,
         companion.before, companion.after
    from companion
   where companion.changed
{% include "tokens/recorded.sql" -%}
