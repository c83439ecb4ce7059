"""Goods: stock, shipments and returns."""
