package nasbench101

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hypernas/hypernas/internal/nb101"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/rows"
)

// version rises whenever networks, identities, numbers or columns change with
// equal files and options.
const version = 1

// set is the registry's name of the files.
const set = "nasbench101"

// The choices of the option data.
const (
	dataSample   = "sample"
	dataOfficial = "official"
)

// options choose between the files.
type options struct {
	Data string `option:"data" doc:"sample: 30,001 modules, one run each; official: all 423,624, three runs each, from nasbench_only108.tfrecord" choices:"sample,official"`
}

func defaults() options { return options{Data: dataSample} }

// Space is the search space.
type Space struct {
	rows.Table
	source   registry.Source
	vertices int // of the largest module
}

var _ plugins.Space = (*Space)(nil)

// New returns the space of the files in source, not yet opened.
func New(source registry.Source) *Space {
	return &Space{source: source, vertices: nb101.MaxVertices}
}

// Describe implements plugins.Space.
func (s *Space) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "nasbench101",
		Version: version,
		Summary: "NAS-Bench-101 on CIFAR-10: 30,001 modules with one run each, or all 423,624 with three",
		Source:  "Ying et al., NAS-Bench-101, ICML 2019; the 30,001 modules as published with github.com/tiga1231/nasbench-vis",
		Notes: []string{
			"The files name modules by hash; their graphs are enumerated, and parameters and multiply-adds computed from them.",
			"An edge from a module's input is a 1x1 convolution with weights of its own: identities and parameters reckon with it, the network's graph does not show it.",
			"No published figure is comparable with those on the 30,001 modules.",
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
	if o.Data == dataOfficial {
		return s.openOfficial(o)
	}
	return s.openSample(o)
}

// openSample opens the 30,001 modules.
func (s *Space) openSample(o options) (plugins.SpaceInfo, error) {
	var list []sampleRow
	var contents [][]byte
	for _, name := range []string{"data-20k.json", "data-10k.json"} {
		data, err := s.source.Read(set, name)
		if err != nil {
			return plugins.SpaceInfo{}, err
		}
		more, err := parseSample(data)
		if err != nil {
			return plugins.SpaceInfo{}, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, more...)
		contents = append(contents, data)
	}
	x, err := openIndex(s.source, s.vertices)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	modules := make([]nb101.Module, len(list))
	s.Identities = make([]plugins.Identity, len(list))
	seen := make(map[nb101.Hash]bool, len(list))
	for row, r := range list {
		var ok bool
		switch modules[row], s.Identities[row], ok = x.find(r.hash); {
		case !ok:
			return plugins.SpaceInfo{}, fmt.Errorf("row %d: no module of the search space has the hash %s", row, r.hash)
		case seen[r.hash]:
			return plugins.SpaceInfo{}, fmt.Errorf("row %d: module %s is there twice", row, r.hash)
		case modules[row].Params() != r.params:
			return plugins.SpaceInfo{}, fmt.Errorf("row %d: module %s has %d parameters, want %d as computed from its graph", row, r.hash, r.params, modules[row].Params())
		}
		seen[r.hash] = true
	}
	s.fill(modules)
	for i, epochs := range sampleEpochs() {
		s.add(accuracy(fmt.Sprintf("validation_%d", epochs), fmt.Sprintf("validation accuracy of one run of %d epochs", epochs), "validation", 1, epochs),
			func(row int) float64 { return 100 * list[row].accuracy[i] })
	}
	s.add(seconds("training time of the run of 108 epochs", 1), func(row int) float64 { return -list[row].seconds })
	return plugins.SpaceInfo{
		Rows:       len(list),
		Digest:     rows.Digest(set, version, o, contents...),
		Vocabulary: vocabulary(),
		Columns:    s.Described(),
		Label:      "validation_108",
		Target:     "validation_108",
		License:    "ISC (the files' repository, github.com/tiga1231/nasbench-vis); NAS-Bench-101 itself: Apache-2.0",
		Citation:   "Ying et al., NAS-Bench-101, ICML 2019",
		Notes: []string{
			"Label and target are one column: validation accuracy of the only run. There is no test accuracy, and nothing to tell noise from.",
			"About 0.1 % of the runs diverged (below 50 %).",
		},
	}, nil
}

// openOfficial opens all modules of the official file.
func (s *Space) openOfficial(o options) (plugins.SpaceInfo, error) {
	table, err := openOfficial(s.source, s.vertices, func() (io.Reader, error) { return readOfficial(s.source) })
	if errors.Is(err, plugins.ErrDataMissing) {
		err = fmt.Errorf("%w; or, if you have the file: hypernas data import %s FILE", err, set)
	}
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	n := len(table.rows) / officialBytes
	list := make([]officialRow, n)
	modules := make([]nb101.Module, n)
	s.Identities = make([]plugins.Identity, n)
	for row := range list {
		list[row] = table.decode(row)
		modules[row], s.Identities[row] = list[row].module, list[row].identity
	}
	s.fill(modules)
	s.addKind("validation", func(row int) [numRuns]float64 { return list[row].validation })
	s.add(accuracy("validation_resampled", "validation accuracy of the first run that is not below 20 %, else 90.8192 %: PINAT's label", "validation", 0, officialEpochs),
		func(row int) float64 { return 100 * resampled(list[row].validation) })
	s.addKind("test", func(row int) [numRuns]float64 { return list[row].test })
	s.add(accuracy("test_converged", "mean test accuracy of the runs not below 30 %, of all if there is none: PINAT's target", "test", numRuns, officialEpochs),
		func(row int) float64 { return 100 * converged(list[row].test) })
	s.add(seconds("mean training time", numRuns), func(row int) float64 { return -mean(list[row].seconds) })
	return plugins.SpaceInfo{
		Rows:       n,
		Digest:     rows.Digest(set, version, o, table.sum[:], table.rows),
		Vocabulary: vocabulary(),
		Columns:    s.Described(),
		Label:      "validation_0",
		Target:     "test_mean",
		License:    "Apache-2.0",
		Citation:   "Ying et al., NAS-Bench-101, ICML 2019",
		Notes: []string{
			"Label: validation accuracy of the first run. Target: mean test accuracy of all three, that one among them.",
			"Rows are in the order in which the official file first names modules, which is what peers' index splits refer to.",
			"Source: " + OfficialFile + " with SHA-256 " + table.source() + ".",
		},
	}, nil
}

// fill sets what follows from the graphs alone, and clears the columns.
func (s *Space) fill(modules []nb101.Module) {
	m := newMacro()
	s.Network = func(row int) plugins.Network { return m.network(modules[row]) }
	s.Numbers = make([]float64, 0, 2*len(modules))
	for _, module := range modules {
		s.Numbers = append(s.Numbers, float64(module.Params()), float64(module.FLOPs()))
	}
	s.Columns = nil
}

// add appends a column of which value gives the values.
func (s *Space) add(c plugins.Column, value func(row int) float64) {
	values := make([]float64, len(s.Identities))
	for row := range values {
		values[row] = value(row)
	}
	s.Columns = append(s.Columns, rows.Column{Column: c, Values: values})
}

// addKind appends the accuracies of each run of the official file, and their
// mean.
func (s *Space) addKind(kind string, of func(row int) [numRuns]float64) {
	for i := range numRuns {
		s.add(accuracy(fmt.Sprintf("%s_%d", kind, i), fmt.Sprintf("%s accuracy of run %d in the file's order", kind, i), kind, 1, officialEpochs),
			func(row int) float64 { return 100 * of(row)[i] })
	}
	s.add(accuracy(kind+"_mean", fmt.Sprintf("mean %s accuracy of all runs", kind), kind, numRuns, officialEpochs),
		func(row int) float64 { return 100 * mean(of(row)) })
}

func accuracy(name, summary, split string, runs, epochs int) plugins.Column {
	return plugins.Column{Name: name, Summary: summary, Unit: "%", Dataset: "cifar10", Split: split, Runs: runs, Epochs: epochs}
}

// seconds is the column of training times.
func seconds(summary string, runs int) plugins.Column {
	return plugins.Column{
		Name: "neg_training_time", Summary: summary + ", negated so that larger is better", Unit: "s",
		Dataset: "cifar10", Split: "validation", Runs: runs, Epochs: officialEpochs,
	}
}

func mean(x [numRuns]float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / numRuns
}

// resampled returns the first of the accuracies that is no failed run, as the
// label of PINAT is chosen; where all failed it is the mean validation accuracy
// that PINAT normalizes by (nb101_dataset.py of ShunLu91/PINAT, resample_acc).
func resampled(x [numRuns]float64) float64 {
	for _, v := range x {
		if v >= 0.2 {
			return v
		}
	}
	return 0.908192
}

// converged returns the mean of the accuracies that are no failed runs, or of
// all if all are, as the target of PINAT is computed (the same file,
// _check_validity).
func converged(x [numRuns]float64) float64 {
	sum, n := 0.0, 0
	for _, v := range x {
		if v >= 0.3 {
			sum += v
			n++
		}
	}
	if n == 0 {
		return mean(x)
	}
	return sum / float64(n)
}
