grant {{ privilege }} ({{ columns }}) on table {{ table }} to {{ role }}
