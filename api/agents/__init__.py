"""Agents: what software proposes, and people decide."""
