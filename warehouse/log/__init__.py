"""The log: the append-only table of facts, the states folded from it, and the tail that readers follow."""
