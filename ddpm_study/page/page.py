"""One self-contained HTML page about a run: it needs no network and opens from a file."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from ddpm_study.page.failures import failures
from ddpm_study.page.finished_run import FinishedRun, Outcome
from ddpm_study.page.sections import sections
from safe_files import write_text

_TEMPLATE = Path(__file__).with_name("template")


def write_page(run: FinishedRun, *, against: FinishedRun | None = None) -> Path:
    """Write `report.html` and `pictures/` into the run's folder; return the page's path.

    Args:
        run: the run to show.
        against: another run, shown beside it.

    Raises:
        InputError: a record is damaged.
        CannotWrite: a file cannot be written.
    """
    path = run.path / "report.html"
    write_text(path, page(run, run.path / "pictures", against=against))
    return path


def page(run: FinishedRun, pictures: Path, *, against: FinishedRun | None = None) -> str:
    """Return the page as HTML; the pictures are written into a folder as well."""
    loader = jinja2.FileSystemLoader(_TEMPLATE)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    style, script = (
        Markup((_TEMPLATE / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js")
    )
    manifest = run.manifest
    return environment.get_template("page.html").render(
        title=f"PyTorch and Jittor: {manifest.preset} on {manifest.dataset}",
        verdict=_verdict(run),
        failures=failures(run),
        about=_about(run),
        sections=sections(run, pictures, against),
        style=style,
        script=script,
    )


def _verdict(run: FinishedRun) -> dict[str, str]:
    """Return the CSS class, the first words and the sentence of the verdict."""
    report = run.unet_report
    layers = (
        "" if report is None else f" Layer by layer: {report.verdict.name}, {report.verdict.value}."
    )
    kind, first, text = {
        Outcome.AGREE: (
            "good",
            "They agree.",
            f"Both compute the same function, and differ by rounding only.{layers}",
        ),
        Outcome.DIFFER: ("bad", "They differ.", "Rounding does not explain:"),
        Outcome.TOO_FEW_COMPARED: (
            "bad",
            "Too few compared.",
            "Rounding explains every difference found, but parts of the model were not tested:",
        ),
        Outcome.NOT_COMPARED: (
            "unsure",
            "Not compared.",
            "The stages that decide, parity and precision, were both left out.",
        ),
    }[run.outcome]
    return {"kind": kind, "first": first, "text": text}


def _about(run: FinishedRun) -> str:
    scale, manifest = run.manifest.scale, run.manifest
    epochs = "1 epoch" if scale["epochs"] == 1 else f"{scale['epochs']} epochs"
    return (
        f"Preset {manifest.preset}, data {manifest.dataset}, seed"
        f" {manifest.config['train']['seed']}, {epochs}, {scale['samples']:,} images from each"
        f" sampling, T = {manifest.config['diffusion']['T']:,} diffusion steps."
    )
