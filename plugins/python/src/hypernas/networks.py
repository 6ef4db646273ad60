"""Architectures as light objects, and dense arrays of them.

The meaning of every field is that of Go's package plugins; DESIGN and the
protocol page call this the wire form.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property
from typing import Callable, Iterable, Iterator, NamedTuple, Sequence, TypeVar

import numpy as np

T = TypeVar("T")


class Kind(enum.IntEnum):
    """What an operation does. Values that this package is too old to know read as OTHER."""

    OTHER = 0
    INPUT = 1
    OUTPUT = 2
    NONE = 3
    SKIP = 4
    CONV = 5
    DEPTHWISE_CONV = 6
    SEPARABLE_CONV = 7
    DILATED_CONV = 8
    MAX_POOL = 9
    AVG_POOL = 10
    SQUEEZE_EXCITE = 11
    ATTENTION = 12
    MLP = 13

    @classmethod
    def _missing_(cls, value: object) -> "Kind | None":
        return cls.OTHER if isinstance(value, int) else None


class Role(enum.IntEnum):
    """What part a cell plays in its network."""

    BLOCK = 0  # stands for itself at its place
    NORMAL = 1  # a motif that the macro structure repeats
    REDUCTION = 2  # a motif that halves the resolution
    STEM = 3  # what comes before the first cell

    @classmethod
    def _missing_(cls, value: object) -> "Role | None":
        return cls.BLOCK if isinstance(value, int) else None


class Op(NamedTuple):
    """One word of a space's vocabulary of operations."""

    name: str
    kind: Kind = Kind.OTHER
    kernel: int = 0  # side of the window in pixels; 0 where there is none


@dataclass(frozen=True)
class Vocabulary:
    """How the networks of a space are to be read."""

    ops: tuple[Op, ...]
    node_attrs: tuple[str, ...] = ()  # names of the numbers of a node
    cell_attrs: tuple[str, ...] = ()  # names of the numbers of a cell at its place
    numbers: tuple[str, ...] = ()  # names of what is known of an architecture without training


@dataclass(frozen=True)
class Cell:
    """A directed acyclic graph of operations, nodes in topological order, the output last."""

    ops: tuple[int, ...]  # one a node: index into Vocabulary.ops
    edges: tuple[tuple[int, int], ...]  # from, to; from < to
    role: Role = Role.BLOCK
    fixed: bool = False  # the same in every architecture of the space
    attrs: tuple[tuple[float, ...], ...] = ()  # one row a node, empty where there are no node_attrs


@dataclass(frozen=True)
class Step:
    """Places a cell in the network."""

    cell: int  # index into Network.cells
    repeat: int = 1
    attrs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Graph:
    """A network seen as one directed acyclic graph, nodes in topological order."""

    ops: np.ndarray  # int, one a node
    steps: np.ndarray  # int, one a node: which of the joined steps it came from
    edges: np.ndarray  # int, edges x 2


class Dense(NamedTuple):
    """Graphs as arrays, padded with zeros to one number of nodes."""

    adjacency: np.ndarray  # float32; [..., i, j] is 1 where an edge leads from node i to node j
    one_hot: np.ndarray  # float32, [..., node, operation]
    mask: np.ndarray  # bool, [..., node]: False where padded


@dataclass(frozen=True)
class Network:
    """One architecture: distinct cells, and the sequence that arranges them."""

    cells: tuple[Cell, ...]
    sequence: tuple[Step, ...]

    def searched(self) -> list[Step]:
        """Return the steps in which architectures can differ: those whose cell is not
        fixed, a motif (normal, reduction) only where it appears first."""
        seen: set[int] = set()
        steps = []
        for step in self.sequence:
            cell = self.cells[step.cell]
            if cell.fixed or (step.cell in seen and cell.role != Role.BLOCK):
                continue
            seen.add(step.cell)
            steps.append(step)
        return steps

    def join(self, vocabulary: Vocabulary, steps: Sequence[Step] | None = None) -> Graph:
        """Return the given steps, by default the searched ones, as a single graph: each
        step's cell once, the output of one joined to the inputs of the next."""
        ops: list[int] = []
        of_step: list[int] = []
        edges: list[tuple[int, int]] = []
        outputs: list[int] = []
        for number, step in enumerate(self.searched() if steps is None else steps):
            cell, base = self.cells[step.cell], len(ops)
            inputs = [i for i, op in enumerate(cell.ops) if vocabulary.ops[op].kind == Kind.INPUT]
            for place, node in enumerate(inputs):
                if outputs:
                    # The last input takes the last output, the one before it the output before that.
                    edges.append((outputs[max(len(outputs) - (len(inputs) - place), 0)], base + node))
            ops += cell.ops
            of_step += [number] * len(cell.ops)
            edges += [(base + a, base + b) for a, b in cell.edges]
            outputs.append(len(ops) - 1)
        return Graph(np.array(ops, int), np.array(of_step, int), np.array(edges, int).reshape(-1, 2))

    def to_dense(self, vocabulary: Vocabulary) -> Dense:
        """Return the joined searched steps as adjacency (n x n) and one-hot (n x operations)."""
        return _dense([self.join(vocabulary)], vocabulary, 0, squeeze=True)


@dataclass(frozen=True)
class Batch:
    """Architectures as rows. It behaves as a sequence of networks."""

    vocabulary: Vocabulary
    networks: Sequence[Network]
    numbers: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # float64, rows x vocabulary.numbers
    check: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)  # called between rows; raises to end the work

    def __len__(self) -> int:
        return len(self.networks)

    def __getitem__(self, row: int) -> Network:
        return self.networks[row]

    @cached_property
    def graphs(self) -> list[Graph]:
        """The joined graph of every row."""
        return [network.join(self.vocabulary) for network in _checked(self.networks, self.check)]

    def to_dense(self, nodes: int = 0) -> Dense:
        """Return all rows as arrays with a leading axis, padded to the largest graph, or
        to the given number of nodes if that is larger."""
        return _dense(self.graphs, self.vocabulary, nodes, check=self.check)


def _checked(rows: Iterable[T], check: Callable[[], None]) -> Iterator[T]:
    """Yield the rows, with a look at check before every 256th."""
    for i, row in enumerate(rows):
        if i % 256 == 0:
            check()
        yield row


def _dense(
    graphs: Sequence[Graph], vocabulary: Vocabulary, nodes: int, squeeze: bool = False, check: Callable[[], None] = lambda: None
) -> Dense:
    nodes = max([nodes, *(len(g.ops) for g in graphs)])
    adjacency = np.zeros((len(graphs), nodes, nodes), np.float32)
    one_hot = np.zeros((len(graphs), nodes, len(vocabulary.ops)), np.float32)
    mask = np.zeros((len(graphs), nodes), bool)
    for row, g in enumerate(_checked(graphs, check)):
        adjacency[row, g.edges[:, 0], g.edges[:, 1]] = 1
        one_hot[row, np.arange(len(g.ops)), g.ops] = 1
        mask[row, : len(g.ops)] = True
    if squeeze:
        return Dense(adjacency[0], one_hot[0], mask[0])
    return Dense(adjacency, one_hot, mask)
