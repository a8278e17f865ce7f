"""Random correct pairs, and one injected fault for each: `python -m audit --only drawn`.

A number determines everything in a draw. `python -m audit.draws 137` checks number 137 alone.
"""
