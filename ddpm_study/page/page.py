"""One self-contained HTML page about a run: nothing is fetched, it opens from a file."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from ddpm_study.page.run import Run
from ddpm_study.page.sections import sections
from safe_files import write_text

_TEMPLATE = Path(__file__).with_name("template")


def write_page(run: Run, *, against: Run | None = None) -> Path:
    """Write `report.html` and `pictures/` into the run's folder; return the page's path.

    Args:
        run: to show.
        against: another run, to be laid beside it.

    Raises:
        InputError: a record is damaged.
        CannotWrite: a file cannot be written.
    """
    path = run.path / "report.html"
    write_text(path, page(run, run.path / "pictures", against=against))
    return path


def page(run: Run, pictures: Path, *, against: Run | None = None) -> str:
    """Return the page as HTML; the pictures are written into a folder beside it."""
    loader = jinja2.FileSystemLoader(_TEMPLATE)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    style, script = (
        Markup((_TEMPLATE / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js")
    )
    head = run.head
    return environment.get_template("page.html").render(
        title=f"PyTorch and Jittor: {head.preset} on {head.dataset}",
        verdict=_verdict(run),
        failures=run.failures,
        about=_about(run),
        sections=sections(run, pictures, against),
        style=style,
        script=script,
    )


def _verdict(run: Run) -> dict[str, str]:
    if not run.compared:
        return {
            "kind": "unsure",
            "word": "Not compared.",
            "text": "The stages that decide, parity and probe, were both left out.",
        }
    if run.failures:
        return {"kind": "bad", "word": "They differ.", "text": "Not all of it is rounding:"}
    word = run.report.verdict.name if run.report is not None else "rounding alone"
    return {
        "kind": "good",
        "word": "They agree.",
        "text": f"What parts them is explained by float32 rounding ({word}).",
    }


def _about(run: Run) -> str:
    scale, head = run.head.scale, run.head
    epochs = "1 epoch" if scale["epochs"] == 1 else f"{scale['epochs']} epochs"
    return (
        f"Preset {head.preset}, data {head.dataset}, seed {head.config['train']['seed']},"
        f" {epochs}, {scale['samples']:,} images from each sampling,"
        f" T = {head.config['diffusion']['T']:,}."
    )
