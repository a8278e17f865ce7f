"""The whole comparison as stages: each is done once, leaves a record, and can be gone on from."""
