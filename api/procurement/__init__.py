"""Buying: suppliers and purchase orders."""
