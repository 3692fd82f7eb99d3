{#- The columns that every statement about tokens reads, in the words of the model. #}
       {{ key }} as key,
       {{ kind }} as kind,
       {{ label }} as label,
       {{ owner.id }} as owner_id,
       {{ owner.login }} as owner_login,
       {{ owner.email }} as owner_email,
       {{ state }} as state,
       {{ times.created }} as created_at,
       {{ times.last_used }} as last_used_at,
       {{ times.expires }} as expires_at,
       {{ details }} as details,
       {{ fixed }} as fixed,
       {{ vital }} as vital
