{#- Puts the planned companions back; each of them must be as it was shown and as it was left. #}
{%- for c in companions %}
), {{ c.alias }}_target as (
  select {{ c.key_column }} as row_key,
         {{ c.key }} as key,
         {{ c.token }} as token,
         {{ c.state }} as state,
         {{ c.vital }} as vital,
         {{ c.now }} as now
    from {{ c.table }} as c
   where {{ c.token_matches("$4") }}
     and {{ c.key }} in (select planned.key from planned_companion as planned
                          where planned.relation = {{ c.relation }} and planned.name = {{ c.name }})
order by {{ c.key_column }}
     for update
), {{ c.alias }}_same as (
  select target.*, planned.after as found, log.back, restored.label, restored.owner_id,
         restored.owner_login
    from {{ c.alias }}_target as target
    join planned_companion as planned
      on planned.relation = {{ c.relation }}
     and planned.name = {{ c.name }}
     and planned.key = target.key
     and planned.token = target.token
     and planned.vital = target.vital
     and planned.after <@ target.now
    join restored
      on restored.relation = {{ c.relation }}
     and restored.kind = {{ c.name }}
     and restored.key = target.key
     and planned.after <@ restored.after
   cross join lateral (
         select restored.before - array(select jsonb_object_keys(restored.before)
                                        except
                                        select jsonb_object_keys(planned.before)) as back
         ) as log
   where log.back = planned.before
), {{ c.alias }}_changed as (
     update {{ c.table }} as c
        set {{ c.put_back }}
       from {{ c.alias }}_same as same
      cross join lateral jsonb_to_record(same.back) as back ({{ c.types }})
      where {{ c.key_column }} = same.row_key
        and same.back <> '{}'
  returning {{ c.key_column }} as row_key,
            {{ c.state }} as state,
            {{ c.now }} @> same.back as ended
{%- endfor %}
), companion as (                             -- dead here: as it was before
{%- for c in companions %}
  select {{ c.relation }} as relation, {{ c.name }} as name, same.key, same.token, same.label,
         same.owner_id, same.owner_login, same.state as state_before,
         changed.state as state_after, same.found as before, same.back as after,
         coalesce(changed.ended, same.back = '{}') as dead, changed.row_key is not null as changed
    from {{ c.alias }}_same as same
    left join {{ c.alias }}_changed as changed using (row_key)
{%- if not loop.last %}
   union all
{%- endif %}
{%- else %}
  select null::text as relation, null::text as name, null::text as key, null::text as token,
         null::text as label, null::text as owner_id, null::text as owner_login,
         null::text as state_before, null::text as state_after, null::jsonb as before,
         null::jsonb as after, true as dead, false as changed
   where false
{%- endfor %}
