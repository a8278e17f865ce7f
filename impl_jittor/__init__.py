"""DDPM (Ho et al. 2020) in Jittor; `impl_torch` mirrors it, file for file and name for name.

Importing this package prepares Jittor's compiler, cache and floating-point flags first, so that
`import jittor` in its files gets a Jittor that is ready.
"""

import jittor_env

jittor_env.load()
