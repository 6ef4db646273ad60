package hypernas

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/internal/npy"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// checkExport returns an error wrapping [plugins.ErrOption] unless folder can be
// made for what export writes: a predictor has no folder of its own, and trials
// must not write over each other's.
func checkExport(o *options) error {
	switch {
	case o.Export == "":
		return nil
	case !o.Hypernetwork:
		return fmt.Errorf("%w: export=%s, but hypernetwork=false generates no weights", plugins.ErrOption, o.Export)
	case !filepath.IsAbs(o.Export):
		return fmt.Errorf("%w: export=%s is not an absolute path", plugins.ErrOption, o.Export)
	}
	return nil
}

// makeExport makes the folder that export writes to: one for each trial, named by
// what the trial learns from, so that it writes over nothing but what the same
// trial has written. A fit calls it first, so that no training is lost on a folder
// that can be none.
func makeExport(of string, t *plugins.Training) (folder string, err error) {
	h := sha256.New()
	fmt.Fprintln(h, t.Seed)
	for _, name := range slices.Sorted(maps.Keys(t.Options)) {
		fmt.Fprintf(h, "%q=%q\n", name, t.Options[name])
	}
	// Labels are of a space, and in an order of the split's.
	_ = binary.Write(h, binary.LittleEndian, t.Labels) // a hash takes everything
	folder = filepath.Join(of, fmt.Sprintf("%d-labels-%x", len(t.Labels), h.Sum(nil)[:6]))
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", fmt.Errorf("%w: export makes a folder for each trial: %w", plugins.ErrOption, err)
	}
	return folder, nil
}

// export writes, for each of the architectures, whose longest has so many cells,
// the weights that m's hypernetwork generates for it to the folder: a file for
// numpy.load each, by the architecture's place among the labelled ones as the
// predictor has them. Arrays are called
// cellI.nodeJ.FORM.NAME, of the shapes that [kern.Form]'s operations give them;
// stem.weight [C, channels of the images, 3, 3], classifier.weights [C, classes]
// and classifier.bias are those of all architectures. Beside them stands
// architecture.json, which says what the target network is; see exported.
func (m *model[T]) export(ctx context.Context, folder string, nodes *feature.Nodes, v *plugins.Vocabulary, networks []network, longest int) error {
	for i := range networks {
		if err := ctx.Err(); err != nil {
			return err
		}
		archive, err := m.generate(nodes, v, &networks[i], longest)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("architecture-%04d.npz", i)), archive, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// exported is architecture.json.
type exported struct {
	// Cells are the sequence that the encoder reads. The target network evaluates
	// those that have weights, or could.
	Cells []exportedCell `json:"cells"`
}

type exportedCell struct {
	Evaluated bool               `json:"evaluated"`
	Repeat    int                `json:"repeat"` // of the cell in the architecture
	Attrs     map[string]float64 `json:"attrs,omitempty"`
	Nodes     []exportedNode     `json:"nodes"` // without dead operations
	Edges     [][2]int           `json:"edges"` // from, to
}

type exportedNode struct {
	Op      string             `json:"op"` // its name in the space
	Attrs   map[string]float64 `json:"attrs,omitempty"`
	Weights []string           `json:"weights,omitempty"` // names of arrays
}

// named returns attributes by their names.
func named(names []string, values []float64) map[string]float64 {
	all := make(map[string]float64, len(values))
	for i, x := range values {
		all[names[i]] = x
	}
	return all
}

// formName is what arrays call a form of operations.
func formName(f kern.Form) string {
	return map[kern.Form]string{
		kern.FormConv: "conv", kern.FormDepthwise: "depthwise", kern.FormSeparable: "separable",
		kern.FormGate: "gate", kern.FormAttention: "attention", kern.FormMLP: "mlp",
	}[f]
}

// generate returns the weights of one architecture as an archive of arrays; the
// longest in training has so many cells, which decides which are evaluated.
func (m *model[T]) generate(nodes *feature.Nodes, v *plugins.Vocabulary, net *network, longest int) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, shape []int, data []T) error {
		w, err := z.Create(name + ".npy")
		if err != nil {
			return err
		}
		return writeArray(w, shape, data)
	}
	positions := thin(longest, m.options.TargetCells)
	cells := make([]exportedCell, len(net.cells))
	var failed error
	in := &inputs[T]{shape: shape{networks: 1, cells: longest, nodes: padded(net.nodeCount())}, targets: 1, forget: true}
	in.visit = func(position, node int, head kern.Head, weights []kern.Array[T]) {
		for _, w := range weights {
			name := fmt.Sprintf("cell%d.node%d.%s.%s", position, node, formName(head.Form), w.Name)
			cells[position].Nodes[node].Weights = append(cells[position].Nodes[node].Weights, name)
			if failed == nil {
				failed = add(name, w.Shape, w.Data)
			}
		}
	}
	for i := range cells {
		c := &cells[i]
		c.Evaluated, c.Repeat, c.Attrs = slices.Contains(positions, i), max(net.steps[i].Repeat, 1), named(v.CellAttrs, net.steps[i].Attrs)
		for _, n := range net.cells[i].nodes {
			c.Nodes = append(c.Nodes, exportedNode{Op: v.Ops[n.Op].Name, Attrs: named(v.NodeAttrs, n.Attrs)})
		}
		for _, e := range net.cells[i].edges {
			c.Edges = append(c.Edges, [2]int{e.From, e.To})
		}
	}
	g := fuse.NewGraph[T]()
	encoded, _ := m.encode(g, in)
	losses, _ := m.classify(g, in, encoded)
	machine, err := fuse.NewMachine(g, losses)
	if err != nil {
		return nil, err
	}
	in.set(0, nodes, m.options.Loops, net)
	in.setImages(m.auxiliary, 0)
	if err := machine.Run(); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	if err := add("stem.weight", m.stem.Shape[1:], m.stem.Data); err != nil {
		return nil, err
	}
	shared := m.classifier // all target networks have these in common, and the stem
	if m.position != nil {
		shared = append(slices.Clip(shared), m.position)
	}
	for _, p := range shared {
		if err := add(strings.ReplaceAll(p.Name, " ", "."), p.Shape, p.Data); err != nil {
			return nil, err
		}
	}
	w, err := z.Create("architecture.json")
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(exported{cells}); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeArray writes numbers of a shape as numpy.load reads them, in 32 bits.
func writeArray[T kern.Float](w io.Writer, shape []int, data []T) error {
	var sizes strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&sizes, "%d, ", n)
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", strings.TrimSuffix(sizes.String(), " "))
	b := npy.Start(header, 4*len(data))
	for _, x := range data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
	}
	_, err := w.Write(b)
	return err
}
