"""The believable pump company: invented people, invented products, real rules."""
