-- Users and keys for the tables of coder.sql. Every value is fixed, except that times follow now().
--
-- The id and the secret of a key are known, so that the demo and the tests can show a token at work:
--   id      the first 10 characters of base64(sha256('key of OWNER: SHAPE PLACE')), + as x, / as Y
--   secret  the first 22 characters of base64(sha256('secret of ID')), likewise
--   token   id-secret; hashed_secret is sha256(secret)
-- In a shell:
--   printf 'secret of %s' ID | openssl dgst -sha256 -binary | base64 | cut -c1-22 | tr '+/' 'xY'

insert into organizations (id, name, display_name, is_default, created_at, updated_at)
values ('5f0c52a6-6a3c-4d0e-9a3f-2b1f4f0f8c11', 'coder', 'Coder', true,
        now() - interval '3 years', now() - interval '3 years');

with person (username, name, login_type, status, roles) as (
    values ('alina',     'Alina Weber',        'oidc',     'active',    '{owner}'),
           ('amaru',     'Amaru Quispe',       'oidc',     'active',    '{}'),
           ('anneke',    'Anneke de Vries',    'github',   'active',    '{}'),
           ('bao',       'Bao Nguyen',         'oidc',     'active',    '{}'),
           ('bjarne',    'Bjarne Lund',        'password', 'active',    '{}'),
           ('carmela',   'Carmela Russo',      'oidc',     'active',    '{template-admin}'),
           ('chidi',     'Chidi Okafor',       'github',   'active',    '{}'),
           ('daniela',   'Daniela Pinto',      'oidc',     'suspended', '{}'),
           ('dmitri',    'Dmitri Volkov',      'github',   'active',    '{}'),
           ('elif',      'Elif Yılmaz',        'oidc',     'active',    '{}'),
           ('emeka',     'Emeka Obi',          'password', 'active',    '{}'),
           ('farid',     'Farid Rahimi',       'oidc',     'active',    '{auditor}'),
           ('freja',     'Freja Holm',         'github',   'dormant',   '{}'),
           ('gabor',     'Gábor Kiss',         'oidc',     'active',    '{}'),
           ('grace',     'Grace Mwangi',       'oidc',     'active',    '{}'),
           ('hanna',     'Hanna Lindqvist',    'github',   'active',    '{}'),
           ('hiroshi',   'Hiroshi Tanaka',     'oidc',     'active',    '{}'),
           ('ines',      'Inês Carvalho',      'password', 'active',    '{}'),
           ('ivo',       'Ivo Petrov',         'oidc',     'suspended', '{}'),
           ('jasmin',    'Jasmin Haddad',      'oidc',     'active',    '{}'),
           ('jonas',     'Jonas Berg',         'github',   'active',    '{}'),
           ('kavya',     'Kavya Iyer',         'oidc',     'active',    '{user-admin}'),
           ('kofi',      'Kofi Mensah',        'oidc',     'active',    '{}'),
           ('lena',      'Lena Fischer',       'password', 'active',    '{}'),
           ('liam',      'Liam Byrne',         'github',   'active',    '{}'),
           ('marek',     'Marek Nowak',        'oidc',     'active',    '{}'),
           ('mira',      'Mira Sato',          'oidc',     'active',    '{owner}'),
           ('nadia',     'Nadia Benali',       'oidc',     'active',    '{}'),
           ('noah',      'Noah Schmidt',       'github',   'dormant',   '{}'),
           ('oksana',    'Oksana Shevchenko',  'oidc',     'active',    '{}'),
           ('pablo',     'Pablo Ortega',       'password', 'active',    '{}'),
           ('priya',     'Priya Raman',        'oidc',     'active',    '{}'),
           ('quentin',   'Quentin Moreau',     'github',   'suspended', '{}'),
           ('rosa',      'Rosa Delgado',       'oidc',     'active',    '{}'),
           ('soren',     'Søren Dahl',         'oidc',     'active',    '{}'),
           ('tariq',     'Tariq Aziz',         'password', 'active',    '{}')
), numbered as (
    select person.*,
           row_number() over (order by username) as place,
           left(encode(sha256(convert_to('user ' || username, 'UTF8')), 'hex'), 32)::uuid as id
      from person
)
insert into users (id, email, username, name, hashed_password, created_at, updated_at, status,
                   rbac_roles, login_type, last_seen_at)
select id,
       username || '@example.com',
       username,
       name,
       case login_type when 'password' then convert_to('not a hash', 'UTF8') else '' end,
       now() - interval '3 years' + place * interval '13 days 5 hours',
       now() - interval '3 years' + place * interval '13 days 5 hours',
       status::user_status,
       roles::text[],
       login_type::login_type,
       now() at time zone 'UTC' - case status when 'active' then place * interval '17 minutes'
                                              else place * interval '7 days' end
  from numbered;

-- Four that are not like the others. Deleted users keep their row, and their name may come again.
insert into users (id, email, username, name, hashed_password, created_at, updated_at, status,
                   login_type, deleted, is_system, is_service_account)
values ('c42fdf75-3097-471c-8c33-fb52454d81c0', 'prebuilds@system', 'prebuilds', 'Prebuilds Owner', '',
        now() - interval '500 days', now() - interval '500 days', 'active', 'none', false, true, false),
       (left(encode(sha256('user ci-runner'), 'hex'), 32)::uuid, '', 'ci-runner', 'CI runners', '',
        now() - interval '500 days', now() - interval '500 days', 'active', 'none', false, false, true),
       (left(encode(sha256('user release-bot'), 'hex'), 32)::uuid, '', 'release-bot', 'Releases', '',
        now() - interval '450 days', now() - interval '450 days', 'active', 'none', false, false, true),
       (left(encode(sha256('user grace, deleted'), 'hex'), 32)::uuid, 'grace@example.com', 'grace', 'Grace Adeyemi', '',
        now() - interval '4 years', now() - interval '90 days', 'suspended', 'password', true, false, false);

-- Keys. A draft says whose and what; the rest follows from a hash of that.
with person as (
    select id, username as login, login_type, row_number() over (order by username) as u
      from users
     where not deleted and not is_system and not is_service_account
), word (w) as (
    values (array['ci', 'deploy-bot', 'ansible', 'terraform', 'grafana-scrape', 'laptop', 'backup',
                  'renovate', 'vscode', 'jetbrains', 'nightly-e2e', 'prometheus', 'packer',
                  'vault-sync', 'runbook', 'cost-report'])
), draft (owner, login, shape, place, name, login_type, lifetime_s, scope, expired, unused) as (
    -- One to five tokens a person: names repeat from one to the next, never within one.
    select id, login, 'token', n, w[1 + (u * 3 + n * 5) % 16], 'token',
           86400::bigint * case when u * n % 11 = 0 then 36525       -- "forever"
                        else (array[7, 30, 30, 90, 365])[1 + (u + 2 * n) % 5] end,
           case when (u + n) % 7 = 0 then '{workspace:read,template:read}' else '{coder:all}' end,
           (u + n) % 5 = 0 and u * n % 11 <> 0,
           (u + 2 * n) % 9 = 0
      from person, word, generate_series(1, 1 + u % 5) as n
     union all
    select id, login, 'session', n, '', login_type::text, 86400, '{coder:all}', (u + n) % 8 = 0, false
      from person, generate_series(1, case when u % 6 = 0 then 2 else 1 end) as n
     union all
    select id, login, 'cli-auth', 1, '', 'password', 604800, '{coder:all}', u % 12 = 0, u = 9
      from person where u % 3 = 0
     union all
    select id, login, 'app-connect', 1, '', 'password', 86400, '{coder:application_connect}', u % 8 = 0, false
      from person where u % 4 = 0
     union all
    select id, login, 'workspace', n,
           id || '_' || left(encode(sha256(convert_to('workspace ' || login || n, 'UTF8')), 'hex'), 32)::uuid
              || '_session_token',
           login_type::text, 3155760000, '{coder:all}', false, u = 10
      from person, generate_series(1, 1 + u % 2) as n where u % 3 = 1
     union all
    select id, login, 'chat-gateway', 1, 'chatd_' || id || '_session_token', login_type::text,
           2592000, '{coder:all}', u = 27, false
      from person where u in (14, 27)
     union all
    select id, login, 'oauth', 1,
           id || '_' || left(encode(sha256(convert_to('app ' || u % 2, 'UTF8')), 'hex'), 32)::uuid
              || '_oauth_session_token',
           'oauth2_provider_app', 86400, '{coder:all}', u = 20, false
      from person where u % 5 = 0
     union all
    select users.id, username, 'token', n, label, 'token', 31536000, scope, false, false
      from users,
           (values (1, 'ci-runner',   'build-cache', '{coder:all}'),
                   (2, 'ci-runner',   'ci',          '{coder:workspaces.operate,template:read}'),
                   (3, 'ci-runner',   'deploy-bot',  '{coder:all}'),
                   (4, 'ci-runner',   'nightly-e2e', '{coder:workspaces.create,coder:workspaces.access}'),
                   (1, 'release-bot', 'deploy-bot',  '{coder:templates.build}'),
                   (2, 'release-bot', 'release',     '{coder:templates.author}')) as bot (n, login, label, scope)
     where username = login
), hashed as (
    select draft.*,
           sha256(convert_to('key of ' || login || ': ' || shape || ' ' || place, 'UTF8')) as hash
      from draft
), drawn as (
    select hashed.*,
           translate(left(encode(hash, 'base64'), 10), '+/', 'xY') as id,
           make_interval(secs => lifetime_s) as lifetime,
           -- Two fractions of 1 that look like chance.
           get_byte(hash, 30) / 256.0 + get_byte(hash, 29) / 65536.0 as f,
           get_byte(hash, 28) / 256.0 + get_byte(hash, 27) / 65536.0 as g
      from hashed
), timed as (
    select drawn.*,
           translate(left(encode(sha256(convert_to('secret of ' || id, 'UTF8')), 'base64'), 22),
                     '+/', 'xY') as secret,
           -- A key that slides lives on from its last use, the others from their making. Those
           -- that expired did so in the last week: after that Coder removes them.
           lifetime_s = 86400 as slides,
           now() - interval '1 hour'
               - case when lifetime_s = 86400 then interval '7 days' + f * interval '33 days'
                      when expired            then lifetime + f * interval '6 days'
                      else 0.9 * f * least(lifetime, interval '400 days') end as created_at
      from drawn
), used as (
    select timed.*,
           case when unused and f < 0.5 then timestamptz '1970-01-01 00:00:00Z'      -- since v2.32
                when unused then timestamptz '0001-01-01 00:00:00Z'                  -- before
                when name = 'build-cache' then now() - interval '2 seconds'
                when slides and expired then now() - interval '26 hours' - g * interval '5 days'
                when slides then now() - g * interval '20 hours'
                else created_at
                     + (1 - power(g, 3)::float8) * (least(now(), created_at + lifetime) - created_at)
           end as last_used
      from timed
)
insert into api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, updated_at,
                      login_type, lifetime_seconds, ip_address, token_name, scopes, allow_list)
select id,
       sha256(convert_to(secret, 'UTF8')),
       owner,
       last_used,
       case when slides then last_used + lifetime - f * interval '50 minutes' else created_at + lifetime end,
       created_at,
       created_at,
       login_type::login_type,
       lifetime_s,
       case when unused then '0.0.0.0'
            else format('10.%s.%s.%s', 20 + get_byte(hash, 26) % 8, get_byte(hash, 25),
                        1 + get_byte(hash, 24) % 250)::inet end,
       name,
       scope::api_key_scope[],
       '{*:*}'
  from used;

-- OAuth2: two apps, and the refresh token behind each of their keys. One key (of jasmin) is expired
-- while its refresh token is alive: the app gets a new key with it at any time.
insert into oauth2_provider_apps (id, created_at, updated_at, name, icon, callback_url)
select left(encode(sha256(convert_to('app ' || n, 'UTF8')), 'hex'), 32)::uuid,
       now() - interval '1 year', now() - interval '1 year', name, '/icon/' || lower(name) || '.svg',
       'https://' || lower(name) || '.example.com/callback'
  from (values (0, 'Backstage'), (1, 'Grafana')) as app (n, name);

insert into oauth2_provider_app_secrets (id, created_at, last_used_at, hashed_secret,
                                         display_secret, secret_prefix, app_id)
select left(encode(sha256(convert_to('app secret ' || name, 'UTF8')), 'hex'), 32)::uuid,
       created_at, now() - interval '3 hours', sha256(convert_to('secret of ' || name, 'UTF8')), '0000',
       convert_to(left(encode(sha256(convert_to(name, 'UTF8')), 'hex'), 10), 'UTF8'), id
  from oauth2_provider_apps;

insert into oauth2_provider_app_tokens (id, created_at, expires_at, hash_prefix, refresh_hash,
                                        app_secret_id, api_key_id, user_id)
select left(encode(sha256(convert_to('refresh ' || k.id, 'UTF8')), 'hex'), 32)::uuid,
       k.created_at, now() + interval '30 days', convert_to('r' || left(k.id, 9), 'UTF8'),
       sha256(convert_to('refresh secret of ' || k.id, 'UTF8')), s.id, k.id, k.user_id
  from api_keys as k
  join oauth2_provider_app_secrets as s on s.app_id = split_part(k.token_name, '_', 2)::uuid
 where k.login_type = 'oauth2_provider_app';
