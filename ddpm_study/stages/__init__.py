"""The stages of `ddpm reproduce`, one file each."""
