-- Expires the planned tokens and their companions: lock, compare, change, record, in one statement.
-- For an end in the future it is the same; "dead" then means: over by the operation's ends_at.
--   $1 jsonb   the operation      $2 jsonb   the plan: an array with an object a token
--   $3 jsonb   its companions     $4 text[]  the keys of the tokens
{% include "tokens/planned.sql" -%}
, target as (
  select {{ key_column }} as row_key,
         {{ key }} as key,
         {{ kind }} as kind,
         {{ label }} as label,
         {{ owner.id }} as owner_id,
         {{ state }} as state,
         {{ dead }} as dead,
         {{ fixed }} as fixed,
         {{ vital }} as vital,
         {{ set_before }} as before
{%- for column in diff %},
         {{ column.expression }} as {{ column.alias }}
{%- endfor %}
    from {{ table }} as t
   where {{ key_matches("$4") }}
     and (select request.path is not null from request)
order by {{ key_column }}
     for update
), same as (                                  -- as it was shown, or dead by now
  select target.*, planned.owner_login
    from target
    join planned on planned.key = target.key
                and planned.fixed = target.fixed
                and (planned.vital = target.vital or target.dead)
), changed as (
     update {{ table }} as t
        set {{ set }}
       from same
      where {{ key_column }} = same.row_key
        and not same.dead                     -- never later than it was
  returning {{ key_column }} as row_key,
            {{ state }} as state,
            {{ dead }} as ended,
            {{ set_before }} as after
{%- for column in diff %},
            {{ column.expression }} as {{ column.alias }}
{%- endfor %}
{%- include "tokens/companions_expire.sql" %}
), change as (
  select 0 as place, {{ relation }} as relation, same.key, same.kind, nullif(same.label, '') as label,
         same.owner_id, same.owner_login, same.state as state_before, changed.state as state_after,
         same.before, changed.after
    from same
    join changed using (row_key)
   union all
  select 1, companion.relation, companion.key, companion.name, nullif(same.label, ''),
         same.owner_id, same.owner_login, companion.state_before, companion.state_after,
         companion.before, companion.after
    from companion
    join same on same.key = companion.token
   where companion.changed
{% include "tokens/recorded.sql" -%}
