package bundled

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the table
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/internal/images"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/bundled/bake"
)

// version rises whenever networks, identities or numbers change; a change of
// the table alone shows in its digest.
const version = 1

var (
	//go:embed data/manifest.json
	manifest []byte
	//go:embed data/counts.csv.gz
	counts []byte
)

// aimedRuns is how many trainings of each cell the table is meant to hold.
const aimedRuns = 4

// Table returns the table that is built in.
func Table() (*bake.Table, error) { return bake.Decode(manifest, counts) }

// Space is the bundled search space.
type Space struct {
	table      *bake.Table
	cells      []nb201.Cell
	identities []plugins.Identity
	columns    []column
}

// column is a column and how its values are computed.
type column struct {
	plugins.Column
	value func(row int) float64
}

var _ plugins.Space = (*Space)(nil)

// New returns the space, not yet opened.
func New() *Space { return &Space{} }

// Describe implements plugins.Space.
func (s *Space) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "bundled",
		Version: version,
		Summary: "5,260 distinct cells of NAS-Bench-201's topology, trained on generated pictures; no download",
		Source:  "this project, hypernas bake; the topology is that of Dong and Yang, NAS-Bench-201, ICLR 2020",
		Notes: []string{
			"Labels are measured: every cell was trained with every seed. docs/bundled.md tells how.",
			"Stem, reduction and last normalization begin from one reference network's weights, which makes labels reliable; only the cell's weights are random.",
			"Each identity stands for itself by the cell with the lowest NATS-Bench index, unpruned; parameters and FLOPs count dead operations too.",
		},
	}, nil
}

// Open implements plugins.Space.
func (s *Space) Open(_ context.Context, options map[string]string) (plugins.SpaceInfo, error) {
	if err := plugins.SetOptions(&struct{}{}, options); err != nil {
		return plugins.SpaceInfo{}, err
	}
	table, err := Table()
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	s.table = table
	order, identities := nb201.NewOrder(), nb201.Identities()
	s.cells = make([]nb201.Cell, len(table.Cells))
	s.identities = make([]plugins.Identity, len(table.Cells))
	for row, index := range table.Cells {
		s.cells[row] = order.Cell(index)
		s.identities[row] = plugins.Identity(identities[index])
	}
	s.columns = columns(table)
	info := plugins.SpaceInfo{
		Rows:       len(s.cells),
		Digest:     digest(table),
		Vocabulary: vocabulary(),
		Label:      "validation_0",
		Target:     "test_mean",
		License:    "Apache-2.0",
		Citation:   "hypernas, see CITATION.cff",
		Notes: []string{
			fmt.Sprintf("Label: validation accuracy of the first run. Target: mean test accuracy of all %d runs, that one among them.", len(table.Manifest.Seeds)),
			"Parameters and FLOPs order the cells alike: both grow with the counts of the two convolutions alone.",
		},
	}
	if runs := len(table.Manifest.Seeds); runs < aimedRuns {
		info.Notes = append(info.Notes, fmt.Sprintf("An aim that is missed: %d runs a cell; this table has %d.", aimedRuns, runs))
	}
	for _, c := range s.columns {
		info.Columns = append(info.Columns, c.Column)
	}
	return info, nil
}

// columns lists the columns of a table: the validation and test accuracy of
// every run, in per cent, and their means.
func columns(t *bake.Table) []column {
	var list []column
	runs := len(t.Manifest.Seeds)
	for _, kind := range []struct {
		split string
		value func(row, seed int) float64
	}{{"validation", t.Validation}, {"test", t.Test}} {
		add := func(name, summary string, runs int, value func(row int) float64) {
			list = append(list, column{plugins.Column{
				Name: kind.split + "_" + name, Summary: summary, Unit: "%", Dataset: images.Version,
				Split: kind.split, Runs: runs, Epochs: t.Manifest.Recipe.Epochs,
			}, value})
		}
		for seed := range runs {
			add(strconv.Itoa(seed), fmt.Sprintf("%s accuracy of the run with seed %d", kind.split, seed), 1,
				func(row int) float64 { return 100 * kind.value(row, seed) })
		}
		add("mean", fmt.Sprintf("mean %s accuracy of all runs", kind.split), runs, func(row int) float64 {
			sum := 0.0
			for seed := range runs {
				sum += kind.value(row, seed)
			}
			return 100 * sum / float64(runs)
		})
	}
	return list
}

// digest returns the SHA-256 of what rows and columns are made from: how the
// cells were trained, and the counts. What machine trained them is no part of
// it, nor how the table is compressed.
func digest(t *bake.Table) string {
	h := sha256.New()
	fmt.Fprintf(h, "hypernas bundled v%d\n%s\n%v\n", version, t.Manifest.Digest, t.Manifest.Seeds)
	for row, cell := range t.Cells {
		fmt.Fprintln(h, cell, t.Results[row])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Read implements plugins.Space.
func (s *Space) Read(_ context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	if lo < 0 || lo > hi || hi > len(s.cells) {
		return plugins.Batch{}, nil, fmt.Errorf("%w: rows %d to %d of %d", plugins.ErrInput, lo, hi, len(s.cells))
	}
	var b plugins.Batch
	for _, cell := range s.cells[lo:hi] {
		b.Networks = append(b.Networks, network(cell))
		b.Numbers = append(b.Numbers, float64(bake.Params(cell)), float64(bake.FLOPs(cell)))
	}
	return b, s.identities[lo:hi:hi], nil
}

// Column implements plugins.Space.
func (s *Space) Column(_ context.Context, name string) ([]float64, error) {
	var names []string
	for _, c := range s.columns {
		if c.Name == name {
			values := make([]float64, len(s.cells))
			for row := range values {
				values[row] = c.value(row)
			}
			return values, nil
		}
		names = append(names, c.Name)
	}
	return nil, fmt.Errorf("%w: no column %q; there are %s", plugins.ErrInput, name, strings.Join(names, ", "))
}
