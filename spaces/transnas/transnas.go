package transnas

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/internal/naslib"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/rows"
)

// version rises whenever networks, identities, numbers or columns change with
// equal files and options.
const version = 1

// zipName is the file's name in the registry's set.
const zipName = "zen.zip"

// zipLimit bounds what the zip file may expand to; upstream's has 4.3 MB.
const zipLimit = 64 << 20

// ErrMalformed is what errors about a file of the wrong form wrap.
var ErrMalformed = errors.New("malformed file")

// task is one of the seven, as the authors' configuration sets it
// (configs/train_from_scratch in their repository).
type task struct {
	name   string
	metric string // what its column holds
	unit   string
	epochs int
	side   int // of an image, in pixels
	tiles  int // images that the network sees one by one
	head   func(*count)
}

// tasks returns the tasks, the default first.
func tasks() []task {
	return []task{
		{"class_scene", "top-1 accuracy", "%", 25, 256, 1, classifier(1, 47)},
		{"class_object", "top-1 accuracy", "%", 25, 256, 1, classifier(1, 75)},
		{"room_layout", "negative loss", "", 25, 256, 1, classifier(1, 9)},
		{"jigsaw", "top-1 accuracy", "%", 10, 64, 9, classifier(9, 1000)},
		{"segmentsemantic", "pixel accuracy", "%", 30, 256, 1, segmentation()},
		{"normal", "SSIM of surface normals", "", 30, 256, 1, generator()},
		{"autoencoder", "SSIM of the picture", "", 30, 256, 1, generator()},
	}
}

// options choose among the measured values.
type options struct {
	Task string `option:"task" doc:"task of label and target; the columns of all seven stay" choices:"class_scene,class_object,room_layout,jigsaw,segmentsemantic,normal,autoencoder"`
}

func defaults() options { return options{Task: tasks()[0].name} }

// Space is the search space.
type Space struct {
	rows.Table
	source registry.Source
}

var _ plugins.Space = (*Space)(nil)

// New returns the space of the files in source, not yet opened.
func New(source registry.Source) *Space { return &Space{source: source} }

// Describe implements plugins.Space.
func (s *Space) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "transnas",
		Version: version,
		Summary: "all 4,096 cells of TransNAS-Bench-101's micro space on seven vision tasks",
		Source:  "Duan et al., TransNAS-Bench-101, CVPR 2021; values and Zen scores as in NASLib",
		Notes: []string{
			"Parameters and multiply-adds are recomputed from the architecture and the authors' code; dead operations count, as they are built.",
			"Where a cell halves the resolution, upstream's skip is a convolution. Identities take every skip for one, so they merge no fewer cells than compute the same.",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Open implements plugins.Space.
func (s *Space) Open(_ context.Context, given map[string]string) (plugins.SpaceInfo, error) {
	o := defaults()
	if err := plugins.SetOptions(&o, given); err != nil {
		return plugins.SpaceInfo{}, err
	}
	data, err := s.source.Read("transnas", zipName)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	t, err := parse(data)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: %s: %w", ErrMalformed, zipName, err)
	}
	if err := s.fill(t, o); err != nil {
		return plugins.SpaceInfo{}, err
	}
	return plugins.SpaceInfo{
		Rows:       len(t.cells),
		Digest:     rows.Digest("transnas", version, o, data),
		Vocabulary: vocabulary(),
		Columns:    s.Described(),
		Label:      o.Task,
		Target:     o.Task,
		License:    "Apache-2.0",
		Citation:   "Duan et al., TransNAS-Bench-101, CVPR 2021; Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022",
		Notes: []string{
			"Label and target are one value: the validation metric of one run after its last epoch. Noise and ceiling are unknown.",
			"Many values are copies: only 2,994 of the 4,096 rows differ in any of the seven tasks, so a uniform draw hands out test labels; draw by identity.",
			"The Zen score of 169 cells is unknown: its computation gave no finite number.",
		},
	}, nil
}

// fill sets the rows from what the file holds.
func (s *Space) fill(t *table, o options) error {
	all := tasks()
	chosen := slices.IndexFunc(all, func(t task) bool { return t.name == o.Task })
	if chosen < 0 {
		return fmt.Errorf("%w: task=%s", plugins.ErrOption, o.Task)
	}
	s.Columns = make([]rows.Column, len(all))
	for i, task := range all {
		s.Columns[i] = rows.Column{
			Column: plugins.Column{
				Name: task.name, Summary: task.metric + " of one run", Unit: task.unit,
				// Tasks are no repetitions of each other, though the images are one set.
				Dataset: "taskonomy " + task.name,
				Split:   "validation", Runs: 1, Epochs: task.epochs,
			},
			Values: t.values[i],
		}
	}
	cells, shape := t.cells, newSkeleton(all[chosen])
	s.Network = func(row int) plugins.Network { return shape.network(cells[row]) }
	s.Numbers = make([]float64, 0, 3*len(cells))
	s.Identities = make([]plugins.Identity, len(cells))
	var identifier dag.Identifier
	for row, c := range cells {
		id, err := identifier.Identify(c.Graph())
		if err != nil {
			return fmt.Errorf("identity of %s: %w", digits(c), err)
		}
		s.Identities[row] = plugins.Identity(id)
		params, flops := cost(c, all[chosen])
		s.Numbers = append(s.Numbers, float64(params), float64(flops), t.zen[chosen][row])
	}
	return nil
}

// digits returns upstream's name of a cell, a digit for each edge in the order
// 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
func digits(c cell) string {
	name := make([]byte, len(c))
	for i, op := range c {
		name[i] = '0' + byte(op)
	}
	return string(name)
}

// table is what the file holds, a row for each cell in the order of its
// digits. Lists of tasks follow tasks.
type table struct {
	cells  []cell
	values [][]float64
	zen    [][]float64
}

// parse reads the file. It may hold any of the cells, but all of them on every
// task; that upstream's is whole follows from its checksum.
func parse(data []byte) (*table, error) {
	all := tasks()
	type entry struct{ values, zen []float64 } // by task, NaN where there is none yet
	found := map[cell]entry{}
	err := registry.Zip(data, zipLimit, func(name string, body []byte) error {
		space, dataset, err := naslib.ParseName(name)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(t task) bool { return t.name == dataset })
		if space != "transbench101_micro" || i < 0 {
			return fmt.Errorf("it is about %s on %s, want a task of transbench101_micro", space, dataset)
		}
		list, err := naslib.ParseRows(body, nb201.NumEdges, numOps)
		if err != nil {
			return err
		}
		for k := range list {
			var c cell
			for at, op := range list[k].Ops {
				c[at] = nb201.Op(op)
			}
			e, ok := found[c]
			if !ok {
				e = entry{make([]float64, len(all)), make([]float64, len(all))}
				for t := range e.values {
					e.values[t] = math.NaN()
				}
				found[c] = e
			}
			value := list[k].Validation
			switch {
			case !math.IsNaN(e.values[i]):
				return fmt.Errorf("row %d: cell %s a second time", k, digits(c))
			case all[i].unit == "%" && (value < 0 || value > 100):
				return fmt.Errorf("row %d: val_accuracy is %v, want an accuracy in per cent", k, value)
			}
			e.values[i], e.zen[i] = value, list[k].Zen
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("it holds no cells")
	}
	t := &table{values: make([][]float64, len(all)), zen: make([][]float64, len(all))}
	for c := range found {
		t.cells = append(t.cells, c)
	}
	slices.SortFunc(t.cells, func(a, b cell) int { return slices.Compare(a[:], b[:]) })
	for i, task := range all {
		for _, c := range t.cells {
			value := found[c].values[i]
			if math.IsNaN(value) {
				return nil, fmt.Errorf("no row of cell %s on %s", digits(c), task.name)
			}
			t.values[i] = append(t.values[i], value)
			t.zen[i] = append(t.zen[i], found[c].zen[i])
		}
	}
	return t, nil
}
