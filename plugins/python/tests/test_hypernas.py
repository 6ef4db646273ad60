"""Tests that need no host. Run: python3 -m unittest discover -s tests"""

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

import numpy as np

import hypernas
from hypernas import blocks, plugin
from hypernas.v1 import hypernas_pb2 as pb

VOCABULARY = hypernas.Vocabulary(
    ops=(
        hypernas.Op("input", hypernas.Kind.INPUT),
        hypernas.Op("output", hypernas.Kind.OUTPUT),
        hypernas.Op("conv", hypernas.Kind.CONV, 3),
    ),
    node_attrs=("heads",),
    cell_attrs=("channels", "side"),
    numbers=("params",),
)


def chain(convs, role=hypernas.Role.BLOCK, fixed=False):
    ops = (0, *(2,) * convs, 1)
    edges = tuple((i, i + 1) for i in range(len(ops) - 1))
    return hypernas.Cell(ops, edges, role, fixed, tuple((float(i),) for i in range(len(ops))))


def network(*convs):
    cells = tuple(chain(n) for n in convs)
    return hypernas.Network(cells, tuple(hypernas.Step(i, i + 1, (16.0, 8.0)) for i in range(len(cells))))


class Networks(unittest.TestCase):
    def test_join_leads_from_each_output_to_the_next_input(self):
        g = network(1, 2).join(VOCABULARY)
        self.assertEqual(g.ops.tolist(), [0, 2, 1, 0, 2, 2, 1])
        self.assertEqual(g.steps.tolist(), [0, 0, 0, 1, 1, 1, 1])
        self.assertEqual(sorted(map(tuple, g.edges.tolist())), [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)])

    def test_join_gives_two_inputs_the_two_outputs_before(self):
        two = hypernas.Cell((0, 0, 1), ((0, 2), (1, 2)), attrs=((0.0,),) * 3)
        n = hypernas.Network((two,), tuple(hypernas.Step(0, 1, (1.0, 1.0)) for _ in range(3)))
        edges = set(map(tuple, n.join(VOCABULARY).edges.tolist()))
        # The second cell has one output before it, the third has two.
        self.assertLessEqual({(2, 3), (2, 4), (2, 6), (5, 7)}, edges)

    def test_searched_leaves_out_fixed_cells_and_repeated_motifs(self):
        cells = (chain(1, fixed=True), chain(2, hypernas.Role.NORMAL))
        n = hypernas.Network(cells, tuple(hypernas.Step(i) for i in (0, 1, 0, 1)))
        self.assertEqual([s.cell for s in n.searched()], [1])

    def test_dense_arrays_are_padded_and_masked(self):
        batch = hypernas.Batch(VOCABULARY, [network(1), network(3)], np.zeros((2, 1)))
        d = batch.to_dense()
        self.assertEqual(d.adjacency.shape, (2, 5, 5))
        self.assertEqual(d.mask.sum(axis=1).tolist(), [3, 5])
        self.assertEqual(d.one_hot.sum(axis=1).tolist(), [[1, 1, 1], [1, 1, 3]])
        alone = network(1).to_dense(VOCABULARY)
        np.testing.assert_array_equal(alone.adjacency, d.adjacency[0, :3, :3])

    def test_dense_arrays_look_at_the_cancellation(self):
        looks = []

        def check():
            looks.append(1)
            if len(looks) == 4:
                raise hypernas.Cancelled

        batch = hypernas.Batch(VOCABULARY, [network(1)] * 1000, np.zeros((1000, 1)), check)
        with self.assertRaises(hypernas.Cancelled):
            batch.to_dense()

    def test_an_unknown_kind_is_other(self):
        self.assertEqual(hypernas.Kind(99), hypernas.Kind.OTHER)


class Blocks(unittest.TestCase):
    def test_what_is_encoded_is_decoded(self):
        networks = [network(1, 2), network(2), network(1, 2)] * 2000
        numbers = np.arange(len(networks), dtype=float)[:, None]
        got, total = [], 0
        for block, lo, hi in blocks.encode_blocks(VOCABULARY, networks, numbers, 1, len(networks)):
            batch = blocks.decode_block(VOCABULARY, pb.Block.FromString(block.SerializeToString()))
            got += batch.networks
            np.testing.assert_array_equal(batch.numbers, numbers[lo:hi])
            self.assertEqual(len(block.cells.roles), 2, "shared cells stand in a block once")
            total += 1
        self.assertEqual(got, networks[1:])
        self.assertEqual(total, 2)

    def test_a_malformed_block_is_an_input_error(self):
        block, _, _ = next(blocks.encode_blocks(VOCABULARY, [network(1)], np.zeros((1, 1)), 0, 1))
        for spoil in (
            lambda b: b.cells.node_counts.append(7),
            lambda b: b.cells.node_ops.__setitem__(0, 9),
            lambda b: b.network_cells.__setitem__(0, 9),
            lambda b: b.network_sequences.__setitem__(0, 9),
            lambda b: b.numbers.append(1),
            lambda b: b.cells.node_attrs.append(1),
        ):
            bad = pb.Block()
            bad.CopyFrom(block)
            spoil(bad)
            with self.assertRaises(hypernas.InputError):
                blocks.decode_block(VOCABULARY, bad)


class Options(unittest.TestCase):
    declared = {
        "n": hypernas.Option(3),
        "rate": hypernas.Option(0.5),
        "on": hypernas.Option(False),
        "kind": hypernas.Option("a", choices=("a", "b")),
    }

    def test_values_have_the_type_of_their_default(self):
        got = plugin.parse_options(self.declared, {"n": "4", "rate": "1e-3", "on": "true", "kind": "b"})
        self.assertEqual(got, {"n": 4, "rate": 1e-3, "on": True, "kind": "b"})
        self.assertEqual(plugin.parse_options(self.declared, {}), {"n": 3, "rate": 0.5, "on": False, "kind": "a"})

    def test_what_is_not_accepted_is_named(self):
        for given in ({"m": "1"}, {"n": "1.5"}, {"rate": "nan"}, {"on": "maybe"}, {"kind": "c"}):
            with self.assertRaisesRegex(hypernas.OptionError, next(iter(given))):
                plugin.parse_options(self.declared, given)


class Start(unittest.TestCase):
    def test_a_person_is_told_how_to_use_it(self):
        self.assertNotIn("HYPERNAS_PLUGIN", os.environ)

        class Nothing(hypernas.Predictor):
            name = "nothing"

        with self.assertRaisesRegex(SystemExit, "hypernas run --predictor"):
            hypernas.serve(Nothing)


if __name__ == "__main__":
    unittest.main()
