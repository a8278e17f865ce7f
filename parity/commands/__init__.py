"""Commands of the program `parity`, one file each."""
