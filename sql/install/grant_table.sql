grant {{ privileges }} on table {{ table }} to {{ role }}
