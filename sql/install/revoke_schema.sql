revoke all privileges on schema {{ schema }} from {{ role }}
