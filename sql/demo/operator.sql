-- A person with nothing but the operator role.
create role alice login in role breakglass_operator;
