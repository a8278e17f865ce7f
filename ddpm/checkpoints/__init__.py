"""The rules of a checkpoint, and where the checkpoints of a run lie."""
