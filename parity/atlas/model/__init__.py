"""The atlas of one model: every operator and layer that it uses, in Jittor and in PyTorch.

`parity atlas --for` runs it. Only the PyTorch model is needed, so it works before a port exists.
"""
