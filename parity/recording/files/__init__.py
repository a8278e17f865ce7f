"""The file of a record: its members, and what they hold."""
