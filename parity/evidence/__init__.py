"""A page for the README of a port, made from the files that other commands wrote."""
