"""From two runs' tensors to verdicts."""
