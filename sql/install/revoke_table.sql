revoke all privileges on table {{ table }} from {{ role }}
