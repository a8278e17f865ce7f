"""Correct pairs drawn at random, and one planted fault for each: `python -m audit --only drawn`.

A number says everything of a draw. `python -m audit.draws 137` judges number 137 alone.
"""
