"""Functions of Vars with PyTorch's behaviour, by topic."""
