"""Benches: what the house promises in numbers, measured on the machine at hand (`jovey bench NAME`)."""
