-- Finds the owners that a word may mean.
--   $1 text    key, login or email
--   $2 bigint  at most so many rows
--   $3 text    scope: the owner's key, exactly
select {{ found.id }} as id,
       {{ found.login }} as login,
       {{ found.email }} as email,
       {{ found.details }} as details
  from {{ found.table }} as o
 where ({{ found.id }} = $1::text
        or lower({{ found.login }}) = lower($1::text)
        or lower({{ found.email }}) = lower($1::text))
   and ($3::text is null or {{ found.id }} = $3::text)
order by 1
 limit $2::bigint
