package nasbench201

import (
	"context"
	"fmt"
	"slices"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/rows"
)

// version rises whenever networks, identities, numbers or columns change with
// equal files and options.
const version = 1

// epochs is how long every network was trained.
const epochs = 200

// options choose among the measured values.
type options struct {
	Dataset string `option:"dataset" doc:"images of label and target; the columns of all three stay" choices:"cifar10,cifar100,imagenet16-120"`
	Seeds   bool   `option:"seeds" doc:"add the columns of single training runs, from the optional file metric_vals.pkl"`
}

func defaults() options { return options{Dataset: datasets()[0].name} }

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
		Name:    "nasbench201",
		Version: version,
		Summary: "all 15,625 cells of NAS-Bench-201, trained for 200 epochs on CIFAR-10, CIFAR-100 and ImageNet16-120",
		Source:  "Dong and Yang, NAS-Bench-201, ICLR 2020; Dong et al., NATS-Bench, TPAMI 2021; validation accuracies and Zen scores as in NASLib",
		Notes: []string{
			"Parameters and multiply-adds are recomputed from the architecture; dead operations count, as they are built.",
			"Only 5,260 of the cells compute different functions: a uniform draw puts copies of training cells into the test set.",
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
	files, err := readFiles(s.source, o.Seeds)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	t, err := parse(files)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	if err := s.fill(t, o); err != nil {
		return plugins.SpaceInfo{}, err
	}
	info := plugins.SpaceInfo{
		Rows:       len(t.cells),
		Digest:     rows.Digest("nasbench201", version, o, files.all()...),
		Vocabulary: vocabulary(),
		Columns:    s.Described(),
		Label:      o.Dataset + "_validation",
		Target:     o.Dataset + "_test",
		License:    "test accuracies: not stated (NATS-Bench, from which they come, is MIT); validation accuracies and Zen scores: Apache-2.0",
		Citation:   "Dong and Yang, NAS-Bench-201, ICLR 2020; Dong et al., NATS-Bench, TPAMI 2021; Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022",
		Notes: []string{
			"Label: validation accuracy of one run. Target: mean test accuracy of 2 or 3 runs (2 of 7,456 cells); the ceiling reckons with 2.",
			"On cifar10 the label comes from training on half of the training images, the target from training on all of them.",
			"The Zen score of 341 cells is unknown: its computation gave no finite number.",
		},
	}
	if o.Seeds {
		info.License += "; single runs: Apache-2.0"
		info.Notes = append(info.Notes,
			"Single runs of cifar10 are validation accuracies, so they give no noise of its target; those of the others were measured on all test images, the target on half of them.")
	}
	return info, nil
}

// fill sets the rows from what the files hold.
func (s *Space) fill(t *table, o options) error {
	all := datasets()
	chosen := slices.IndexFunc(all, func(d images) bool { return d.name == o.Dataset })
	if chosen < 0 {
		return fmt.Errorf("%w: dataset=%s", plugins.ErrOption, o.Dataset)
	}
	s.Columns = nil
	for i, d := range all {
		column := func(name, summary, split string, runs int, values []float64) {
			s.Columns = append(s.Columns, rows.Column{
				Column: plugins.Column{
					Name: d.name + "_" + name, Summary: summary, Unit: "%", Dataset: d.name,
					Split: split, Runs: runs, Epochs: epochs,
				},
				Values: values,
			})
		}
		column("validation", "validation accuracy of one run", "validation", 1, t.validation[i])
		column("test", "mean test accuracy of 2 or 3 runs", "test", 2, t.test[i])
		for run, values := range t.runs[i] {
			if d.name == "cifar10" {
				column(fmt.Sprintf("validation_run%d", run), fmt.Sprintf("validation accuracy of run %d", run), "validation", 1, values)
			} else {
				column(fmt.Sprintf("test_run%d", run), fmt.Sprintf("accuracy of run %d on validation and test images together", run), "test", 1, values)
			}
		}
	}
	cells, shape := t.cells, newSkeleton(all[chosen])
	s.Network = func(row int) plugins.Network { return shape.network(cells[row]) }
	s.Numbers = make([]float64, 0, 3*len(cells))
	var identifier dag.Identifier
	s.Identities = make([]plugins.Identity, len(cells))
	for row, cell := range cells {
		id, err := identifier.Identify(cell.Graph())
		if err != nil {
			return fmt.Errorf("identity of %v: %w", cell, err)
		}
		s.Identities[row] = plugins.Identity(id)
		params, flops := cost(cell, all[chosen])
		s.Numbers = append(s.Numbers, float64(params), float64(flops), t.zen[chosen][row])
	}
	return nil
}

// files is the contents of the space's files.
type files struct {
	csv, zip []byte
	pickle   []byte // nil unless it was asked for
}

func readFiles(source registry.Source, seeds bool) (files, error) {
	var f files
	var err error
	if f.csv, err = source.Read("nasbench201", csvName); err != nil {
		return files{}, err
	}
	if f.zip, err = source.Read("nasbench201", zipName); err != nil {
		return files{}, err
	}
	if seeds {
		if f.pickle, err = source.Read("nasbench201", pickleName); err != nil {
			return files{}, err
		}
	}
	return f, nil
}

// all lists the contents, for the digest.
func (f *files) all() [][]byte {
	list := [][]byte{f.csv, f.zip}
	if f.pickle != nil {
		list = append(list, f.pickle)
	}
	return list
}

// table is what the files hold, a row for each cell in the order of the CSV
// file, which is NATS-Bench's. Lists of data sets follow datasets.
type table struct {
	cells      []nb201.Cell
	row        map[nb201.Cell]int
	test       [][]float64
	validation [][]float64
	zen        [][]float64
	runs       [][][]float64 // of each data set, runs 0 to 2; none without the pickle
}
