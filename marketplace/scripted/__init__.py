"""Whole trades by script: every party with its own account, real data, a known end."""
