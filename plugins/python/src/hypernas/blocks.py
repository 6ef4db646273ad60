"""Blocks: how architectures travel, column by column (see Block in hypernas.proto)."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from .errors import InputError
from .networks import Batch, Cell, Kind, Network, Op, Role, Step, Vocabulary
from .v1 import hypernas_pb2 as pb

MAX_ROWS = 4096  # of a block
MAX_ENTRIES = 1 << 21  # of all lists of a block together


def decode_vocabulary(m: pb.Vocabulary) -> Vocabulary:
    ops = tuple(Op(op.name, Kind(op.kind), op.kernel) for op in m.ops)
    return Vocabulary(ops, tuple(m.node_attrs), tuple(m.cell_attrs), tuple(m.numbers))


def encode_vocabulary(v: Vocabulary) -> pb.Vocabulary:
    return pb.Vocabulary(
        ops=[pb.Op(name=op.name, kind=int(op.kind), kernel=op.kernel) for op in v.ops],
        node_attrs=v.node_attrs,
        cell_attrs=v.cell_attrs,
        numbers=v.numbers,
    )


def decode_block(v: Vocabulary, m: pb.Block) -> Batch:
    """Return the rows of a block. Raise InputError if the block breaks the contract."""
    try:
        return _decode_block(v, m)
    except (IndexError, StopIteration, ValueError) as e:
        raise InputError(f"malformed block: {e}") from e


def _decode_block(v: Vocabulary, m: pb.Block) -> Batch:
    t = m.cells
    node_attrs = np.array(t.node_attrs).reshape(len(t.node_ops), len(v.node_attrs)).tolist()
    nodes, edges = _lists(t.node_counts, len(t.node_ops)), _lists(t.edge_counts, len(t.edges) // 2)
    ops, ends = list(t.node_ops), np.array(t.edges, int).reshape(-1, 2).tolist()
    if ops and max(ops) >= len(v.ops):
        raise InputError(f"malformed block: operation {max(ops)} of {len(v.ops)}")
    cells = []
    for role, fixed in zip(t.roles, t.fixed, strict=True):
        a, b = next(nodes)
        c, d = next(edges)
        attrs = tuple(map(tuple, node_attrs[a:b])) if v.node_attrs else ()
        cells.append(Cell(tuple(ops[a:b]), tuple(map(tuple, ends[c:d])), Role(role), fixed, attrs))

    s = m.sequences
    step_attrs = np.array(s.step_attrs).reshape(len(s.step_cells), len(v.cell_attrs)).tolist()
    steps = [Step(c, r, tuple(a)) for c, r, a in zip(s.step_cells, s.step_repeats, step_attrs, strict=True)]
    sequences = [tuple(steps[a:b]) for a, b in _lists(s.step_counts, len(steps))]

    places = list(m.network_cells)
    networks = []
    for sequence, (a, b) in zip(m.network_sequences, _lists(m.network_cell_counts, len(places)), strict=True):
        networks.append(Network(tuple([cells[i] for i in places[a:b]]), sequences[sequence]))
    numbers = np.array(m.numbers, np.float64).reshape(len(networks), len(v.numbers))
    return Batch(v, networks, numbers)


def _lists(counts: Sequence[int], total: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of lists that lie one after another."""
    ends = np.cumsum(np.array(counts, np.int64)).tolist()
    if (ends[-1] if ends else 0) != total:
        raise InputError(f"malformed block: counts add up to {ends[-1] if ends else 0}, want {total}")
    return zip([0, *ends], ends)


def encode_blocks(v: Vocabulary, networks: Sequence[Network], numbers: np.ndarray, lo: int, hi: int) -> Iterator[tuple[pb.Block, int, int]]:
    """Yield the rows lo to hi in blocks, each with the bounds of its rows."""
    while lo < hi:
        block = pb.Block()
        cells: dict[Cell, int] = {}
        sequences: dict[tuple[Step, ...], int] = {}
        entries, end = 0, lo
        while end < min(hi, lo + MAX_ROWS):
            network = networks[end]
            new_cells = [c for c in dict.fromkeys(network.cells) if c not in cells]
            new_sequence = network.sequence not in sequences
            entries += 2 + len(network.cells) + len(v.numbers) + sum(_cell_entries(v, c) for c in new_cells)
            entries += (1 + len(network.sequence) * (2 + len(v.cell_attrs))) * new_sequence
            if entries > MAX_ENTRIES:
                if end == lo:
                    raise InputError(f"row {lo} alone is larger than a block may be")
                break
            for cell in new_cells:
                cells[cell] = len(cells)
            block.network_cell_counts.append(len(network.cells))
            block.network_cells.extend([cells[c] for c in network.cells])
            block.network_sequences.append(sequences.setdefault(network.sequence, len(sequences)))
            end += 1
        for cell in cells:
            _add_cell(block.cells, cell)
        for steps in sequences:
            block.sequences.step_counts.append(len(steps))
            for step in steps:
                block.sequences.step_cells.append(step.cell)
                block.sequences.step_repeats.append(step.repeat)
                block.sequences.step_attrs.extend(step.attrs)
        block.numbers.extend(np.asarray(numbers[lo:end], np.float64).ravel().tolist())
        yield block, lo, end
        lo = end


def _cell_entries(v: Vocabulary, cell: Cell) -> int:
    return 4 + len(cell.ops) * (1 + len(v.node_attrs)) + 2 * len(cell.edges)


def _add_cell(t: pb.CellTable, cell: Cell) -> None:
    t.roles.append(int(cell.role))
    t.fixed.append(cell.fixed)
    t.node_counts.append(len(cell.ops))
    t.edge_counts.append(len(cell.edges))
    t.node_ops.extend(cell.ops)
    for row in cell.attrs:
        t.node_attrs.extend(row)
    for edge in cell.edges:
        t.edges.extend(edge)
