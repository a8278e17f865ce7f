"""From records to people: agreement, tables and pictures. Imports no framework."""
