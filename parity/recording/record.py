"""A record: one side of a pair in a file, against which the other is judged."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from parity.base.numerics import Array
from parity.errors import CannotCompare, NotRecorded
from parity.nested.arguments import Arguments
from parity.pair import RECORDED_INPUTS, Pair
from parity.recording.files.input_form import inputs_of
from parity.recording.files.tensor_archive import ArchiveReader
from parity.recording.manifest import required
from parity.recording.recorded_runs import RecordedRuns
from parity.recording.recorded_side import RecordedSide
from parity.report.finding import Finding
from parity.report.wording import file_stem
from parity.structure.path_matching import renamed
from parity.trace.sites import TensorSite
from safe_files.reading import show

SUFFIX = ".parity"
WEIGHTS, RANDOMIZED, INPUTS = (f"{n}.safetensors" for n in ("weights", "randomized", "inputs"))
LISTED = 6  # paths in a note
LONGEST_NAME = 100  # of a file, in letters
# Settings of a pair that decide what a run is.
SETTINGS = ("training", "random")


class Record:
    """One side of a pair as it was recorded, read from its file when it is asked for.

    Attributes:
        path: of the file.
        manifest: facts of the side, as JSON values.
        side: answers as the module's adapter did.
        runs: what the side's runs left.
    """

    def __init__(self, archive: ArchiveReader) -> None:
        self.path = archive.path
        self._archive = archive
        self.manifest = required(archive.json("manifest.json"), show(self.path))
        self._dtypes: Mapping[str, str] = self.manifest["dtypes"]
        weights = {name: self._array(WEIGHTS, name) for name in archive.keys(WEIGHTS)}
        self.side = RecordedSide(self.manifest, weights)
        self.runs = RecordedRuns(archive, self.manifest, self.side)

    @classmethod
    def open(cls, path: Path | str) -> Record:
        """Open a file that `parity record` wrote; all of it is read once, to see that it is whole.

        Raises:
            CannotCompare: it is no record, one of another version, or damaged.
        """
        try:
            return cls(ArchiveReader(Path(path)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CannotCompare(
                f"{show(path)} is no complete record ({error}): make it again with parity record"
            ) from error

    @classmethod
    def of(cls, path: Path | str, pair: str) -> Record:
        """Open the record of a pair: the file itself, or the one of its name in a folder.

        Args:
            path: of either.
            pair: its name.

        Raises:
            CannotCompare: as `open`, or the folder has none.
        """
        if not os.path.isdir(path):
            return cls.open(path)
        found = Path(path, file_name(pair))
        if not found.is_file():
            raise CannotCompare(
                f"{show(path)} has no record of {pair!r}, {found.name}: make it with parity record "
                f"… --out {show(path)}"
            )
        return cls.open(found)

    @property
    def digest(self) -> str:
        """Return the digest at its end, which no other record has."""
        return self._archive.digest

    @property
    def seed(self) -> int:
        """Return the seed with which it was made."""
        return int(self.manifest["seed"])

    def completed(self, pair: Pair, seed: int = 0) -> Pair:
        """Return a pair whose reference is the recorded side.

        Args:
            pair: as its user has written it.
            seed: that the user asks for; 0 for the record's own.

        Raises:
            CannotCompare: the pair's settings, or the seed, are not those of the record.
        """
        if seed not in (0, self.seed):
            raise CannotCompare(
                f"{show(self.path)} was recorded with seed {self.seed}, not {seed}: leave the seed "
                "out, or record with this one"
            )
        if self.manifest["like"] is not None:
            raise CannotCompare(
                f"{show(self.path)} was recorded like another record, for parity diff: judge "
                "against that one"
            )
        if self.manifest["role"] == "candidate":
            pair = flipped(pair)
        for name in SETTINGS:
            own, recorded = getattr(pair, name), self.manifest[name]
            if own != recorded:
                raise self._of_another_pair(pair, f"{name} is {recorded!r}, and here {own!r}")
        for name in ("loss", "optimizer"):
            own, recorded = getattr(pair, name) is not None, self.manifest[f"has_{name}"]
            if own != recorded:
                words = [
                    f"{'a' if name == 'loss' else 'an'} {name}" if has else f"no {name}"
                    for has in (recorded, own)
                ]
                raise self._of_another_pair(pair, f"it has {words[0]}, and the pair {words[1]}")
        module = self.side.module
        return replace(pair, reference=lambda: module, stress_inputs=self.manifest["stress_inputs"])

    def arguments(self, drawn: Arguments | None) -> Arguments:
        """Return the recorded inputs.

        Args:
            drawn: those of the pair, if it has some; they say what is around the arrays.

        Raises:
            CannotCompare: the pair's are others.
        """
        values = self.manifest["inputs"]
        arrays = self.input_arrays()
        if drawn is None:
            if values is None:
                raise CannotCompare(
                    f"{show(self.path)} has inputs in containers of the user's own: name the pair"
                )
            return inputs_of(values, arrays)
        own = drawn.arrays()
        forms = [{n: (a.shape, a.dtype.name) for n, a in of.items()} for of in (arrays, own)]
        if forms[0] != forms[1]:
            raise CannotCompare(
                f"{show(self.path)}: its inputs are {forms[0]}, and the pair draws {forms[1]}: "
                "record the side again, or give the pair that was recorded"
            )
        positional, keywords = drawn.filled(arrays)
        return Arguments(positional, keywords)

    def input_arrays(self) -> dict[str, Array]:
        """Return the arrays of the recorded inputs, by label."""
        return {
            label: self._archive.tensor(INPUTS, at, dtype)
            for label, at, dtype in self.manifest["input_arrays"]
        }

    def require_shapes(self, reshaped: Sequence[tuple[TensorSite, Finding]]) -> None:
        """Require that no tensor at a module has another shape in the candidate.

        Raises:
            NotRecorded: one has; the record is cut at its module.
        """
        wrong = [(s, f) for s, f in reshaped if s.owner in self.manifest["taps"] and f.compared]
        if not wrong:
            return
        site, finding = wrong[0]
        owners = ",".join(dict.fromkeys(site.owner for site, _ in wrong))
        assert finding.compared is not None
        raise NotRecorded(
            f"the {site.quantity} of {site.owner} has the shape {finding.compared[1]} and was "
            f"recorded with {finding.compared[0]}; if both are meant, record the side again with "
            f"--without {owners}"
        )

    def brings_inputs(self, pair: Pair) -> bool:
        """Tell whether a pair has no inputs of its own and takes the recorded ones."""
        return pair.inputs is RECORDED_INPUTS

    @property
    def untapped(self) -> list[str]:
        """Return the paths of modules inside which nothing was recorded."""
        return [path for path in self.manifest["called"] if path not in self.manifest["taps"]]

    def randomized(self) -> dict[str, Array]:
        """Return the weights with which it ran and that are not those it was built with."""
        names = self.manifest["randomized"]
        return {name: self._array(RANDOMIZED, name) for name in names}

    def _array(self, member: str, name: str) -> Array:
        return self._archive.tensor(member, name, self._dtypes.get(name, ""))

    def notes(self, pair: Pair) -> list[str]:
        """Return what a reader of a report should know."""
        left = [name for name in pair.stress_inputs if name not in self.manifest["stress_inputs"]]
        process = self.manifest["process"]
        notes = [
            f"the {self.manifest['role']} was recorded in {self.path.name} (Python "
            f"{process['python']}, NumPy {process['numpy']}, {process['machine']}) and is not run"
        ]
        if self.manifest["role"] == "candidate" and self.manifest["like"] is None:
            notes.append(
                "the sides are exchanged: the pair's candidate, which was recorded, is called the"
                " reference here, and the pair's reference the candidate"
            )
        if self.untapped:
            notes.append(
                f"not recorded inside, so judged within their callers: {_listed(self.untapped)}"
            )
        if left:
            notes.append(f"stress inputs not recorded, so not judged: {', '.join(left)}")
        return notes

    def _of_another_pair(self, pair: Pair, reason: str) -> CannotCompare:
        return CannotCompare(
            f"{show(self.path)} is no record of the pair {pair.name!r}: {reason}; record it again"
        )


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths[:LISTED]) + (", …" if len(paths) > LISTED else "")


def file_name(pair: str) -> str:
    """Return the name of a pair's record in a folder of records."""
    name = file_stem(pair)
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(pair.encode()).hexdigest()[:8]}"
    return name + SUFFIX


def flipped(pair: Pair) -> Pair:
    """Return a pair with its sides exchanged.

    Raises:
        CannotCompare: its weights are functions of the reference's, which cannot be turned round.
    """
    if pair.weights or pair.ignore:
        raise CannotCompare(
            f"pair {pair.name!r}: with `weights` or `ignore` only the reference can be recorded"
        )
    return replace(
        pair,
        reference=pair.candidate,
        candidate=pair.reference,
        rename={other: own for own, other in pair.rename.items()},
        # The inputs have the names of the pair's reference, which is now the candidate.
        argument_names={},
        allow={renamed(path, pair.rename): reason for path, reason in pair.allow.items()},
    )
