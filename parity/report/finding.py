"""One compared tensor and its verdict, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from parity.base.difference import Difference
from parity.report.wording import cause_text, gain_text, known_text, not_finite_text, tensor_name
from parity.trace.sites import Phase, Quantity, Scope, Segment, TensorSite
from parity.verdict import Cause, Judgement, Precision, Role, Verdict


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One compared tensor and its verdict.

    Attributes:
        path: the reference's own module path, `""` for the model itself.
        phase: init, forward, backward, optimizer, schedule, loss or sampling; of a training loop
            also data, clipping, scheduler or average.
        verdict: the outcome.
        error, noise: the distance and what rounding explains, both relative to the reference's
            largest value there; NaN where nothing could be measured. In ulps for tables.
        quantity, label, owner, call, group, scope, step: which tensor, see `TensorSite`.
        precision: in which the difference shows.
        cause, side, compared: why, where the verdict alone does not say; see `Judgement`.
        confirmed: whether injecting the reference's tensors confirmed the location; None: not
            tried.
        stress_input: the stress input, the worst of those tried; None where there was none.
        segment: the code between two module boundaries in which the fault lies, if it is in no
            module.
        hint: what the candidate's tensor resembles; a guess.
        modules: the module there on each side, its class and settings and where its code stands.
        gain: of a free run, the linear growth of a disturbance, 1 where not stated.
        allowance: the reason that the user gave for letting this tensor ABSTAIN, or for accepting
            the known divergence.
        known: name of the known divergence of the frameworks that explains it, see
            `parity.diagnose.known_divergences`.
        not_finite: number of elements that are the same infinity, or NaN, on both sides.
        scale: largest absolute value of the reference in float64; None where none was measured.
        varies: whether the tensor changes when inputs and weights do.
        difference: where in the tensor the sides differ; None where they do not, or it is unknown.
        note: text that a file of an earlier schema holds instead of fields.
    """

    path: str
    phase: Phase
    verdict: Verdict
    error: float
    noise: float
    quantity: Quantity = "output"
    label: str = ""
    owner: str = ""
    call: int = 0
    group: str = ""
    scope: Scope = "isolated"
    step: int | None = None
    precision: Precision = "float64"
    cause: Cause | None = None
    side: Role | None = None
    compared: tuple[str, str] | None = None
    confirmed: bool | None = None
    stress_input: str | None = None
    segment: Segment | None = None
    hint: str = ""
    modules: tuple[str, str] | None = None
    gain: float = 1.0
    allowance: str | None = None
    known: str | None = None
    not_finite: int = 0
    scale: float | None = None
    varies: bool = True
    difference: Difference | None = None
    note: str = ""

    @property
    def site(self) -> TensorSite:
        """Where the tensor is."""
        return TensorSite(
            self.phase, self.path, self.quantity, self.label, self.owner, self.call, self.group,
            self.scope, self.step,
        )  # fmt: skip

    @property
    def own_path(self) -> str:
        """Path of the parameter or buffer that the tensor is, or belongs to."""
        return ".".join(part for part in (self.owner, self.label) if part)

    @property
    def tensor(self) -> str:
        """The tensor's name for people."""
        return tensor_name(self.site)

    @property
    def reason(self) -> str:
        """The cause for people, `""` where the verdict says it all."""
        parts = []
        if self.cause is not None:
            parts.append(
                cause_text(
                    self.cause, side=self.side, precision=self.precision, compared=self.compared
                )
            )
        if self.known is not None:
            parts.append(known_text(self.known))
        if self.not_finite:
            parts.append(not_finite_text(self.not_finite))
        if self.gain > 1:
            parts.append(gain_text(self.error, self.gain))
        if self.note:
            parts.append(self.note)
        if self.allowance:
            parts.append(f"allowed: {self.allowance}")
        return "; ".join(parts)

    @property
    def allowed(self) -> bool:
        """Whether the user gave a reason for letting this tensor through."""
        return self.allowance is not None

    @property
    def is_fault(self) -> bool:
        """Whether the sides are proven to differ here."""
        return self.verdict in (Verdict.SEMANTIC_DIFFERENCE, Verdict.ERROR)

    def passes(self, *, strict: bool = False) -> bool:
        """Tell whether the gate lets this finding through."""
        excused = self.allowed and (self.verdict is Verdict.ABSTAIN or self.known is not None)
        return excused or self.verdict.passes(strict=strict)


def finding_of(
    site: TensorSite,
    judgement: Judgement,
    *,
    stress_input: str | None = None,
    allow: Mapping[str, str] | None = None,
    gain: float = 1.0,
) -> Finding:
    """Return the finding of a judged site; a path in `allow` may ABSTAIN for the reason there."""
    abstains = judgement.verdict is Verdict.ABSTAIN
    return Finding(
        **{name: value for name, value in site._asdict().items() if name != "tap"},
        verdict=judgement.verdict,
        error=judgement.error,
        noise=judgement.noise,
        precision=judgement.precision,
        cause=judgement.cause,
        side=judgement.side,
        compared=judgement.compared,
        not_finite=judgement.not_finite,
        scale=judgement.scale,
        varies=judgement.varies,
        difference=judgement.difference,
        stress_input=stress_input,
        gain=gain,
        allowance=(allow or {}).get(site.path) if abstains else None,
    )
