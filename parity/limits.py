"""The numbers that decide, all of them; no tolerance belongs to a layer or a model."""

from __future__ import annotations

# The one table of numbers that decide anything in this package.
FLOAT32_EPSILON = 2.0**-23
# Unit roundoff of float64 over that of float32: 2^-52 / 2^-23.
PRECISION_RATIO = 2.0**-29
# Largest ratio of a difference to the measured noise. Measured on correct code, torch against
# Jittor, three seeds: six pairs of the tiny U-Net and five example models of other kinds, six
# stress inputs. The largest ratio was 4.0 in float64 (7,155 tensors, median 0.15, 99.9th percentile
# 2.9) and 2.4 in float32 (2,036 tensors, 99.9th percentile 1.7). 32 is eight times the worst. With
# the seventh stress input, beyond float16, the six pairs stay at 1.0 and 1.6 (716 tensors, one
# seed).
K = 32.0
# One-ulp perturbations of each side whose spread is taken; three, because the spread of a scalar
# can be 0 by chance.
SHIFTS = 3
# Float32 kernels may sum in blocks where float64's loop, and round by the root of a million less.
OTHER_KERNEL = 2.0**10
# Noise of float32, relative to the result, from which it says nothing about float64.
SATURATED = 2.0**-4
# Difference in float64, relative to the result, that is never called rounding.
NEVER_ROUNDING = 2.0**-10
# Ulps that one rounding may cost, where a table is compared with exact numbers.
EXACT_ULPS = 1.0
# Noise, relative to the result, above which a correct free run cannot be told from a wrong one.
HORIZON = 1e-2
# Probability of calling two samples of one initial distribution different, for each parameter.
INIT_SIGNIFICANCE = 1e-6

# Probability of calling a loss curve one of another setting, where its values are normal.
CURVE_SIGNIFICANCE = 1e-3

# How close, relative to the largest value, a guess must come in float64 to be offered as a hint.
RESEMBLANCE = 2.0**-33
# A noted difference counts as another one where its error has grown by more than this factor:
# twice, as the largest of several values moves between machines, and far below any new fault's.
RATCHET_GROWTH = 2.0
