-- Reads what stands in the columns that an operation set, and what putting others back would make of
-- the rows. The search path is open as it is for a change: some texts depend on it.
--   $1 text    schema of the application    $2 jsonb   an array with an object a row: what to put back
--   $3 text[]  keys of tokens               $4 text[]  keys of companions
with opened as (
  select set_config('search_path', concat_ws(', ', 'pg_catalog', quote_ident($1::text), 'pg_temp'), true)
           as path
), row_of as (
  select *
    from jsonb_to_recordset($2::jsonb)
      as r (relation text, kind text, key text, companion boolean, back jsonb)
)
select row_of.relation, row_of.key, {{ key }} as token, {{ now }} as now, {{ state }} as state,
       later.texts as later, later.state as later_state, later.ends as later_ends
  from row_of
  join {{ table }} as t on {{ key }} = row_of.key
 cross join lateral jsonb_to_record(row_of.back) as back ({{ types }})
 cross join lateral (
       select {{ now }} as texts, {{ state }} as state, {{ ends }} as ends
         from (select {{ later }}) as t
       ) as later
 where row_of.relation = {{ relation }}
   and not row_of.companion
   and {{ key_matches("$3") }}
   and (select opened.path is not null from opened)
{%- for c in companions %}
 union all
select row_of.relation, row_of.key, {{ c.token }}, {{ c.now }}, {{ c.state }},
       later.texts, later.state, null
  from row_of
  join {{ c.table }} as c on {{ c.key }} = row_of.key
 cross join lateral jsonb_to_record(row_of.back) as back ({{ c.types }})
 cross join lateral (
       select {{ c.now }} as texts, {{ c.state }} as state
         from (select {{ c.later }}) as c
       ) as later
 where row_of.relation = {{ c.relation }}
   and row_of.kind = {{ c.name }}
   and row_of.companion
   and {{ c.key_matches("$4") }}
   and (select opened.path is not null from opened)
{%- endfor %}
