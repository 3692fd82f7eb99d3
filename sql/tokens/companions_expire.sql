{#- Expires the planned companions; every live one must be planned. #}
{%- for c in companions %}
), {{ c.alias }}_target as (
  select {{ c.key_column }} as row_key,
         {{ c.key }} as key,
         {{ c.token }} as token,
         {{ c.state }} as state,
         {{ c.dead }} as dead,
         {{ c.vital }} as vital,
         {{ c.set_before }} as before
    from {{ c.table }} as c
   where {{ c.token_matches("$4") }}
order by {{ c.key_column }}
     for update
), {{ c.alias }}_same as (
  select target.*
    from {{ c.alias }}_target as target
    join planned_companion as planned
      on planned.relation = {{ c.relation }}
     and planned.key = target.key
     and planned.token = target.token
     and planned.vital = target.vital
   where not target.dead
), {{ c.alias }}_changed as (
     update {{ c.table }} as c
        set {{ c.set }}
       from {{ c.alias }}_same as same
      where {{ c.key_column }} = same.row_key
  returning {{ c.key_column }} as row_key,
            {{ c.state }} as state,
            {{ c.dead }} as dead,
            {{ c.set_before }} as after
{%- endfor %}
), companion as (                             -- every live companion must be planned, and dead now
{%- for c in companions %}
  select {{ c.relation }} as relation, {{ c.name }} as name, target.key, target.token,
         target.state as state_before, changed.state as state_after, target.before, changed.after,
         same.row_key is not null as planned, coalesce(changed.dead, target.dead) as dead,
         changed.row_key is not null as changed
    from {{ c.alias }}_target as target
    left join {{ c.alias }}_same as same using (row_key)
    left join {{ c.alias }}_changed as changed using (row_key)
{%- if not loop.last %}
   union all
{%- endif %}
{%- else %}
  select null::text as relation, null::text as name, null::text as key, null::text as token,
         null::text as state_before, null::text as state_after, null::jsonb as before,
         null::jsonb as after, false as planned, true as dead, false as changed
   where false
{%- endfor %}
