"""Modules, parameters and their names on both sides, before any number is computed."""
