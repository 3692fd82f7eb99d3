-- The key of the token that is in a hot loop.
--   $1 text  owner's login   $2 text  name
select k.id
  from public.api_keys as k
  join public.users as u on u.id = k.user_id
 where u.username = $1::text and k.token_name = $2::text and k.login_type::text = 'token'
