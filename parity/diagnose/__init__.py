"""Where two models differ first, and what the difference resembles."""
