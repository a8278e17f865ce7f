"""The outcome of a comparison as data, text, JSON and HTML."""
