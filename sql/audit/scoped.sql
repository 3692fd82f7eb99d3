   -- A bound caller knows of what changed their tokens and nothing of anybody else's. Whose a companion
   -- is stands with it; of which kind its token is does not, unless every token of the plan changed.
   and (scope.adapter is null
        or (o.adapter = scope.adapter
            and exists (select from breakglass.change as c where c.operation_id = o.id)
            and not exists (select
                     from breakglass.change as c
                    where c.operation_id = o.id
                      and ((scope.owner is null or c.owner_id = scope.owner)
                           and (scope.kinds is null
                                or (c.relation = scope.relation and c.kind = any (scope.kinds))
                                or (c.relation <> scope.relation and o.unchanged = 0))) is not true)))
