{#- What an operation left in the rows that it changed, with its batches and with what was applied
    again: in each column what stood there before the first of them, and what the last one left. #}
family as (
  with recursive member (id, occurred_at) as (
    select o.id, o.occurred_at
      from breakglass.operation as o
     where o.id = {{ operation }}
     union
    select o.id, o.occurred_at
      from member
      join breakglass.operation as o on o.parent_id = member.id
     where o.cause in ('batch', 're-apply')
  )
  select id, occurred_at
    from member
), piece as (
  select c.relation, c.key, c.kind, c.label, c.owner_id, c.owner_login, c.state_before, family.occurred_at, family.id,
         pair.key as name, pair.value as before, c.after -> pair.key as after
    from family
    join breakglass.change as c on c.operation_id = family.id
   cross join lateral jsonb_each(c.before) as pair
   where c.after is not null
), whole as (
  select relation, key, name, max(kind) as kind, max(label) as label, max(owner_id) as owner_id,
         max(owner_login) as owner_login,
         (array_agg(state_before order by occurred_at, id))[1] as state_before,
         (array_agg(before order by occurred_at, id))[1] as before,
         (array_agg(after order by occurred_at desc, id desc))[1] as after
    from piece
group by relation, key, name
), restored as (
  select relation, key, max(kind) as kind, max(label) as label, max(owner_id) as owner_id,
         max(owner_login) as owner_login, max(state_before) as state_before, jsonb_object_agg(name, before) as before,
         jsonb_object_agg(name, after) as after
    from whole
group by relation, key
)
