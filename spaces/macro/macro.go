package macro

import (
	"context"
	"fmt"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/rows"
)

// version rises whenever networks, identities, numbers or the order of rows
// change; a change of the file shows in the digest.
const version = 1

// epochs is how long each run was (train/train.py).
const epochs = 50

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
		Name:    "macro",
		Version: version,
		Summary: "NAS-Bench-Macro: 6,561 chains of eight layers, trained three times on CIFAR-10",
		Source:  "Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021",
		Notes: []string{
			"Rows are in ascending order of the architecture strings. Identities stay in their places as blocks that are a skip alone.",
			"docs/macro.md tells more.",
		},
	}, nil
}

// Open implements plugins.Space.
func (s *Space) Open(_ context.Context, given map[string]string) (plugins.SpaceInfo, error) {
	if err := plugins.SetOptions(&struct{}{}, given); err != nil {
		return plugins.SpaceInfo{}, err
	}
	data, err := s.source.Read("macro", "macro.json")
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	list, err := readFile(data)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("macro.json: %w", err)
	}
	table := rows.Table{
		Network:    func(row int) plugins.Network { return network(list[row].arch) },
		Identities: make([]plugins.Identity, len(list)),
		Columns:    columns(list),
	}
	var identifier dag.Identifier
	for row := range list {
		if table.Identities[row], err = list[row].arch.identity(&identifier); err != nil {
			return plugins.SpaceInfo{}, err
		}
		params, flops := list[row].arch.cost()
		table.Numbers = append(table.Numbers, float64(params), float64(flops))
	}
	identities, shared := group(list, table.Identities)
	s.Table = table
	return plugins.SpaceInfo{
		Rows:       len(list),
		Digest:     rows.Digest("macro", version, nil, data),
		Vocabulary: vocabulary(),
		Columns:    s.Described(),
		Label:      "test_0",
		Target:     "test_mean",
		License:    "Apache-2.0",
		Citation:   "Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021",
		Notes: []string{
			fmt.Sprintf("%d identities; %d of them have several members, which carry the accuracies of one training: a uniform draw hands out labels of test architectures, a draw by identity does not.", identities, shared),
			"All accuracies are test accuracies, each that of the best of 50 epochs. Label: the first run. Target: the mean of all three, that one among them.",
		},
	}, nil
}

// columns returns the test accuracies of the runs, and their mean.
func columns(list []trained) []rows.Column {
	add := func(name, summary string, runs int, value func(t *trained) float64) rows.Column {
		c := rows.Column{Column: plugins.Column{
			Name: name, Summary: summary, Unit: "%", Dataset: "cifar10", Split: "test", Runs: runs, Epochs: epochs,
		}}
		for i := range list {
			c.Values = append(c.Values, value(&list[i]))
		}
		return c
	}
	var all []rows.Column
	for run := range numRuns {
		all = append(all, add(fmt.Sprintf("test_%d", run), fmt.Sprintf("test accuracy of run %d", run), 1,
			func(t *trained) float64 { return t.runs[run] }))
	}
	return append(all, add("test_mean", "mean test accuracy of the three runs", numRuns, (*trained).mean))
}

// group returns how many identities there are, and how many of them have
// several members that share their accuracies.
func group(list []trained, ids []plugins.Identity) (identities, shared int) {
	type members struct {
		runs   [numRuns]float64
		count  int
		differ bool
	}
	groups := map[plugins.Identity]*members{}
	for row, id := range ids {
		m := groups[id]
		if m == nil {
			m = &members{runs: list[row].runs}
			groups[id] = m
		}
		m.count++
		m.differ = m.differ || m.runs != list[row].runs
	}
	for _, m := range groups {
		if m.count > 1 && !m.differ {
			shared++
		}
	}
	return len(groups), shared
}
