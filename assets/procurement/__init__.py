"""Tables of buying, and the agent that says what to order."""
