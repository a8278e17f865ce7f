"""Proof that the gate can be trusted: planted faults, benign rewrites, and what it makes of both.

`python -m audit --out audit.json` runs it. Like `impl_jittor`, it makes Jittor usable first.
"""

import jittor_env

jittor_env.load()
