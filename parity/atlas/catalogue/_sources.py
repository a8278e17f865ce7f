"""Sources that several workarounds share."""


def norm(squares: str) -> str:
    """Return the root of a sum of squares whose gradient at 0 is 0, as in PyTorch."""
    return f"s = {squares}\njt.ternary(s != 0, s, jt.ones_like(s)).sqrt() * (s != 0).cast(s.dtype)"
