"""Networks that turn images into feature vectors, and their cache."""
