"""DDPM (Ho et al. 2020) in PyTorch; `impl_jittor` mirrors it, file for file and name for name."""
