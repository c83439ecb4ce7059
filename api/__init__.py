"""The room that decides: commands, rules, reactions, and the doors to them."""
