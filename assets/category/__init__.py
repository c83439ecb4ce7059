"""Tables of the catalog, and the agent that says which prices to set."""
