{#- Joins the owner's row, which may be gone. #}
{%- if owner.table %}
  left join {{ owner.table }} as o on {{ owner.matches }}
{%- endif %}
