"""A run of the study: its stages in order, their sizes and durations, and what it writes."""
