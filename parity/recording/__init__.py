"""One side in a file: what its runs left, recorded once and judged against anywhere."""
