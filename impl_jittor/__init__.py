"""DDPM (Ho et al. 2020) in Jittor; `impl_torch` mirrors it, file for file and name for name.

Importing this package makes Jittor usable first: whatever in it says `import jittor` gets a Jittor
whose compiler, cache and arithmetic are in order.
"""

import jittor_env

jittor_env.load()
