-- Finds the application's user on whose behalf the operator acts.
--   $1 text  key, login or email
--   $2 text  scope: the owner's key, exactly
select {{ key }} as id,
       {{ login }} as login
  from {{ table }} as t
 where ({{ key }} = $1::text
        or lower({{ login }}) = lower($1::text)
        or lower({{ email }}) = lower($1::text))
   and ($2::text is null or {{ key }} = $2::text)
order by 1
 limit 2
