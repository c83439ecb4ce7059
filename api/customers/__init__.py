"""People: consumers, dealers and staff."""
