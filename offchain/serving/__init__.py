"""Experts as services: one behind HTTP, and the client that trusts nothing it answers.

:mod:`offchain.serving.app` needs the web server's packages; the client doesn't.
"""
