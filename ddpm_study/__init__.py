"""The study of the two DDPMs, on top of the harness `parity`.

run/      a run of `ddpm reproduce`: stages in order, sizes, durations, workers, records
stages/   what each stage does
metrics/  scores of sampled images: FID, Inception Score, KID, precision and recall
timing/   fair timing: one process for each implementation, measured in turn
page/     the report page, from the records of a run

pairs           the mirrored parts of the two implementations, for the harness
exact_schedule  the noise schedule's tables in exact arithmetic
agreement       the rule by which rounding explains the difference of two runs
porting_guide   writes docs/porting-guide.md from the two implementations
"""
