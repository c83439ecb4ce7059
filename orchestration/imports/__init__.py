"""Imports: other systems' books, replayed through the company's own commands."""
