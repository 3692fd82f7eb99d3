{#- The conditions of a filter, and of the caller's scope; what was not given is null.
  $1 boolean      also those that are dead
  $2 text[]       kinds
  $3 text         owner: its key, login or email
  $4 text         label, as a LIKE pattern
  $5 float8       not used for so many seconds (never used: not made within them)
  $6 float8       ends within so many seconds
  $7 timestamptz  ends later, or never
  $8 timestamptz  made before
  $9 timestamptz  made then or later
  $10 text        scope: the owner's key, exactly
  $11 text[]      scope: kinds #}
 where ($1::boolean or not {{ dead }})
   and ($2::text[] is null or {{ kind }} = any ($2::text[]))
   and ($3::text is null
        or {{ owner.id }} = $3::text
        or lower({{ owner.login }}) = lower($3::text)
        or lower({{ owner.email }}) = lower($3::text))
   and ($4::text is null or {{ label }} like $4::text)
   and ($5::float8 is null
        or coalesce({{ times.last_used }}, {{ times.created }}, '-infinity')
           < now() - make_interval(secs => $5::float8))
   and ($6::float8 is null
        or {{ times.expires }} between now() and now() + make_interval(secs => $6::float8))
   and ($7::timestamptz is null or {{ times.expires }} is null or {{ times.expires }} > $7::timestamptz)
   and ($8::timestamptz is null or {{ times.created }} < $8::timestamptz)
   and ($9::timestamptz is null or {{ times.created }} >= $9::timestamptz)
   and ($10::text is null or {{ owner.id }} = $10::text)
   and ($11::text[] is null or {{ kind }} = any ($11::text[]))
