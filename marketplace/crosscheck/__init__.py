"""Holds an index against the audit: two readers of one log, which share no code for it.

The audit knows nothing of the index, and the index nothing of the audit; both are known here.
"""
