"""The parsers of the commands, and the options that several of them have."""
