-- Reads the number that the application keeps of its own schema's release.
select max({{ column }})::bigint as release
  from {{ table }}
