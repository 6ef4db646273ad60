package mnasnet

import (
	"context"
	"fmt"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/rows"
)

// version rises whenever networks, identities, numbers or columns change.
const version = 1

// The space's data in the registry.
const (
	set     = "mnasnet"
	archive = "accel.tar.gz"
)

// options are what a user may choose.
type options struct {
	Column string `option:"column" doc:"what is predicted: label and target" choices:"val_top1,val_top5,throughput_a100,throughput_3090,throughput_tpuv2,throughput_tpuv3,throughput_zcu102,throughput_vck190,neg_latency_zcu102,neg_latency_vck190"`
}

func defaults() options { return options{Column: "val_top1"} }

// Space is the search space.
type Space struct {
	rows.Table
	source registry.Source
}

var _ plugins.Space = (*Space)(nil)

// New returns the space of the files in source, not yet opened.
func New(source registry.Source) *Space { return &Space{source: source} }

// Describe implements plugins.Space.
func (*Space) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "mnasnet",
		Version: version,
		Summary: "5,125 mobile networks of the MnasNet space with ImageNet accuracy, and speed on six devices",
		Source:  "Ahmad et al., Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS, DAC 2024, arXiv 2404.08005; afzalxo/Accel-NASBench, anb_dataset",
		Notes: []string{
			"Labels are single runs of the authors' shortened schedule; label and target are the same column, so predictors are scored on what they could have trained on.",
			"flops are the file's MACs, which lie 4 to 17 % above the multiply-adds of the convolutions alone.",
			"A block's residual connections are not drawn: they are the same in all networks with as many layers.",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Open implements plugins.Space.
func (s *Space) Open(_ context.Context, given map[string]string) (plugins.SpaceInfo, error) {
	info, err := s.open(given)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("open mnasnet: %w", err)
	}
	return info, nil
}

func (s *Space) open(given map[string]string) (plugins.SpaceInfo, error) {
	o := defaults()
	if err := plugins.SetOptions(&o, given); err != nil {
		return plugins.SpaceInfo{}, err
	}
	data, err := s.source.Read(set, archive)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	trainings, err := readArchive(data)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("read %s: %w", archive, err)
	}
	list, err := merge(trainings)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("read %s: %w", archive, err)
	}
	s.Table = table(list)
	sources, _ := registry.Lookup(set)
	return plugins.SpaceInfo{
		Rows:       len(list),
		Digest:     rows.Digest("mnasnet", version, o, data),
		Vocabulary: vocabulary(),
		Columns:    s.Described(),
		Label:      o.Column,
		Target:     o.Column,
		License:    sources.File(archive).License,
		Citation:   sources.Citation,
		Notes:      append([]string{"Label and target are one column: the accuracy (or speed) of a single run."}, repeated(list)...),
	}, nil
}

// table returns the rows in memory.
func table(list []row) rows.Table {
	t := rows.Table{
		Network:    func(i int) plugins.Network { return list[i].architecture.network() },
		Identities: make([]plugins.Identity, len(list)),
	}
	for i := range list {
		t.Identities[i] = list[i].architecture.identity()
		t.Numbers = append(t.Numbers, float64(list[i].architecture.params()), list[i].macs)
	}
	for k, m := range measures() {
		c := rows.Column{
			Column: plugins.Column{Name: m.name, Summary: m.summary, Unit: m.unit, Dataset: "ImageNet-1k", Split: "validation", Runs: 1},
			Values: make([]float64, len(list)),
		}
		if m.device != "" {
			c.Runs = 0 // a timing is no training run
		}
		for i := range list {
			c.Values[i] = list[i].values[k]
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}

// repeated says how far trainings of one architecture are apart, if any was
// trained more than once.
func repeated(list []row) []string {
	count, least, most, sum := 0, 0.0, 0.0, 0.0
	for i := range list {
		if list[i].runs < 2 {
			continue
		}
		if count == 0 {
			least = list[i].spread
		}
		count++
		least, most, sum = min(least, list[i].spread), max(most, list[i].spread), sum+list[i].spread
	}
	if count == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"%d architectures were trained more than once and are averaged; their top-1 accuracies are %.2f to %.2f points apart (mean %.2f), which is all that is known of the noise.",
		count, least, most, sum/float64(count))}
}
