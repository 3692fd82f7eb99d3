-- One request with a token, as coderd takes it: refused when expired, else its use is written down.
--   $1 text  key
   update public.api_keys
      set last_used = now(), ip_address = '10.27.19.61'
    where id = $1::text
      and expires_at > now()
returning id
