"""Catalog and pricing: what is sold, to whom, for how much."""
