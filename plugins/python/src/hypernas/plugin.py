"""What the author of a plugin subclasses: Predictor and Space."""

from __future__ import annotations

import hashlib
import logging
import math
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .errors import Cancelled, OptionError
from .networks import Batch, Network, Vocabulary


@dataclass(frozen=True)
class Option:
    """An option of a plugin. Its values have the type of the default: bool, int, float or str."""

    default: Any
    summary: str = ""
    choices: tuple[str, ...] = ()


def parse_options(declared: Mapping[str, Option], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every declared option. Raise OptionError for a name or a value that isn't accepted."""
    values = {name: option.default for name, option in declared.items()}
    for name, text in sorted(given.items()):
        if name not in declared:
            known = "there are " + ", ".join(declared) if declared else "there are no options"
            raise OptionError(f'"{name}" is unknown; {known}')
        option = declared[name]
        if option.choices and text not in option.choices:
            raise OptionError(f"{name}={text}; it takes {', '.join(option.choices)}")
        values[name] = _parse(name, option.default, text)
    return values


def _parse(name: str, default: Any, text: str) -> Any:
    if isinstance(default, bool):
        if text in ("true", "false", "1", "0"):
            return text in ("true", "1")
        raise OptionError(f"{name}={text}; it takes true or false")
    try:
        value = type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise OptionError(f"{name}={text}; it takes {kind}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise OptionError(f"{name}={text}; it takes a finite number")
    return value


def format_default(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


class _Call:
    """What a fit and a pretraining have in common."""

    seed: int
    cancelled: Callable[[], bool]

    @property
    def numpy_seed(self) -> int:
        """The seed in 32 bits, for libraries that take no more (scikit-learn)."""
        return (self.seed ^ self.seed >> 32) & 0xFFFFFFFF

    def check(self) -> None:
        """Raise Cancelled if the host no longer wants an answer. Long ones call it at least once a second."""
        if self.cancelled():
            raise Cancelled


@dataclass
class Training(_Call):
    """What a predictor learns from."""

    batch: Batch
    labels: np.ndarray  # float64, one a row of batch, finite; larger is better
    pool: Batch  # architectures without labels, where uses_pool asks for them; else empty
    options: dict[str, Any]  # every declared option
    seed: int  # where all randomness comes from; 64 bits
    log: logging.Logger
    artifact: bytes = b""  # what pretrain returned, where pretrains asks for it and the protocol allows it; else empty
    cancelled: Callable[[], bool] = lambda: False  # whether the host no longer wants an answer

    @property
    def vocabulary(self) -> Vocabulary:
        return self.batch.vocabulary


@dataclass
class Pretraining(_Call):
    """What a predictor learns from without labels."""

    pool: Batch  # at least one architecture
    options: dict[str, Any]  # those that fit gets
    seed: int  # not that of fit; 64 bits
    log: logging.Logger
    cancelled: Callable[[], bool] = lambda: False  # as Training's

    @property
    def vocabulary(self) -> Vocabulary:
        return self.pool.vocabulary


class Plugin:
    """What predictors and spaces say of themselves, as class attributes."""

    name: str = ""  # as tables show it: lower-case letters, digits and ._+-
    version: int = 1  # raise it whenever results with equal options change
    summary: str = ""  # one line
    source: str = ""  # the paper or file it follows
    notes: Sequence[str] = ()
    options: Mapping[str, Option] = {}


class Predictor(Plugin):
    """Learns to rank architectures from a few that carry labels.

    A process serves one trial: fit once, then predict any number of times. Results may
    depend on nothing but the arguments: the same training with the same seed gives the
    same predictions to the bit.
    """

    predicts_labels: bool = False  # predictions are on the label's scale
    uses_pool: bool = False  # wants the unlabelled pool
    pretrains: bool = False  # has pretrain, and wants its artifact in fit

    def pretrain(self, pretraining: Pretraining) -> bytes:
        """Learn from architectures without labels, in a process of its own, once for many
        trials; return what fit gets as Training.artifact, 1 byte to 32 MiB in a form of the
        predictor's own. Where the protocol allows no unlabelled architectures it isn't
        called, and fit does without."""
        raise NotImplementedError

    def fit(self, training: Training) -> Iterable[str] | None:
        """Learn; return warnings, which become footnotes of the table, or None."""
        raise NotImplementedError

    def predict(self, batch: Batch) -> ArrayLike:
        """Return one finite value a row, larger for better architectures. A row's value
        does not depend on the other rows."""
        raise NotImplementedError


@dataclass(frozen=True)
class Column:
    """One measured value of every architecture."""

    name: str
    values: ArrayLike  # one a row, NaN where not measured; larger is better
    split: str = "validation"  # or "test"
    summary: str = ""
    unit: str = ""
    dataset: str = ""
    runs: int = 0  # training runs averaged in one value; 0 where not known
    epochs: int = 0  # of one run; 0 where not known


@dataclass
class Rows:
    """An opened space: its architectures and what was measured of them."""

    vocabulary: Vocabulary
    networks: Sequence[Network]
    identities: Sequence[bytes]  # 16 bytes a row; equal exactly where two rows compute the same. See identity.
    columns: Sequence[Column]
    label: str  # name of the column that predictors train on
    target: str  # name of the column that they are scored on
    numbers: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # rows x vocabulary.numbers
    license: str = ""
    citation: str = ""
    notes: Sequence[str] = ()
    digest: str = ""  # SHA-256 of everything above; computed where it is left empty


class Space(Plugin):
    """A search space: rows of architectures with what was measured of them."""

    def open(self, options: dict[str, Any]) -> Rows:
        """Read the space's data as the options choose. Raise DataMissingError, saying how
        to get it, where data has to be fetched first."""
        raise NotImplementedError


def identity(text: str | bytes) -> bytes:
    """Return the identity of what a canonical text stands for. Two architectures that
    compute the same function (dead operations pruned, skips contracted, isomorphs merged)
    must give the same text, and no others."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(data).digest()[:16]
