-- Asks the planner how it would find the rows, without running the statement that follows.
explain (format json)
