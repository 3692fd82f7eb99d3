-- Looks at tokens that were killed, and answers those that are not as they should be: few rows,
-- however many tokens. The row without a key is always there and says where and when it was looked.
--   $1 text[]   keys of the tokens
--   $2 boolean  their rows should be gone, not only dead
--   $3 boolean  answer every token
{%- if later %}
--   $4 timestamptz  the end in the future: "dead" means over by then
{%- endif %}
with planned as (
  select p.key
    from unnest($1::text[]) as p (key)
), found as (
  select {{ key }} as key,
         {{ state }} as state,
         {{ dead }} as dead
    from {{ table }} as t
   where {{ key_matches("$1") }}
)
select null::text as key, null::text as state, null::boolean as dead,
       null::text as companion, null::text as companion_key,
       now() as looked_at, pg_is_in_recovery() as in_recovery,
       current_database()::text as name, session_user::text as role,
{%- if knows_cluster %}
       (select c.system_identifier::text from pg_control_system() as c) as system_identifier
{%- else %}
       null::text as system_identifier
{%- endif %}
 union all
select planned.key, found.state, found.dead, null, null, null, null, null, null, null
  from planned
  left join found on found.key = planned.key
 where $3::boolean
    or case when $2::boolean then found.key is not null
            else found.key is null or not found.dead end
{%- for c in companions %}
 union all
select {{ c.token }}, {{ c.state }}, false, {{ c.name }}, {{ c.key }}, null, null, null, null, null
  from {{ c.table }} as c
 where {{ c.token_matches("$1") }}
   and not {{ c.dead }}
{%- endfor %}
