"""From what two training steps left to findings."""
