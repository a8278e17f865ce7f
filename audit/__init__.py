"""Mutation testing of the harness: injected faults, equivalent rewrites, and what it says of both.

`python -m audit --out audit.json` runs it. Jittor starts when the first case needs it.
"""
