package autoformer

import (
	"context"
	"fmt"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/rows"
)

// version rises whenever networks, identities, numbers or columns change.
const version = 1

// set is the spaces' name in the registry; a size's file is named after it.
const set = "autoformer"

// Size is which of AutoFormer's supernets a space is of.
type Size string

// The sizes.
const (
	Tiny  Size = "tiny"
	Small Size = "small"
	Base  Size = "base"
)

// Space is the search space of one size.
type Space struct {
	rows.Table
	size   Size
	source registry.Source
}

var _ plugins.Space = (*Space)(nil)

// New returns the space of the files in source, not yet opened.
func New(source registry.Source, size Size) *Space { return &Space{size: size, source: source} }

// name returns the space's name.
func (s *Space) name() string { return "autoformer-" + string(s.size) }

// caution says what the data of a size is like, measured on the pinned files.
func (s *Space) caution() string {
	switch s.size {
	case Small:
		return "Parameter counting is very strong here: its Spearman correlation with accuracy is .941."
	case Base:
		return "There is hardly any signal here: accuracies have a standard deviation of .086 points, and their Spearman correlation with parameters is .224."
	default:
		return "The Spearman correlation of parameters with accuracy is .635."
	}
}

// Describe implements plugins.Space.
func (s *Space) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    s.name(),
		Version: version,
		Summary: fmt.Sprintf("1,001 vision transformers of AutoFormer's %s supernet with inherited ImageNet accuracy", s.size),
		Source:  "Chen et al., AutoFormer, ICCV 2021; accuracies by Ho et al., NeurIPS 2024 (vovantuan1999a/OoD-ViT-NAS)",
		Notes: []string{
			"Accuracies are those of weights inherited from the supernet: no transformer was trained by itself, so they rank what the supernet ranks.",
			s.caution(),
			"Parameters are computed by AutoFormer's formula and equal the file's; flops are the file's.",
		},
	}, nil
}

// Open implements plugins.Space.
func (s *Space) Open(_ context.Context, given map[string]string) (plugins.SpaceInfo, error) {
	info, err := s.open(given)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("open %s: %w", s.name(), err)
	}
	return info, nil
}

func (s *Space) open(given map[string]string) (plugins.SpaceInfo, error) {
	var none struct{}
	if err := plugins.SetOptions(&none, given); err != nil {
		return plugins.SpaceInfo{}, err
	}
	file := string(s.size) + ".json"
	data, err := s.source.Read(set, file)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	list, err := readRows(data)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("read %s: %w", file, err)
	}
	s.Table = table(list)
	sources, _ := registry.Lookup(set)
	return plugins.SpaceInfo{
		Rows:       len(list),
		Digest:     rows.Digest(s.name(), version, none, data),
		Vocabulary: vocabulary(),
		Columns:    s.Described(),
		Label:      columnTop1,
		Target:     columnTop1,
		License:    sources.File(file).License,
		Citation:   sources.Citation,
		Notes: []string{
			"Label and target are one column: the accuracy of weights inherited from the supernet.",
			s.caution(),
		},
	}, nil
}

// columnTop1 is the only column.
const columnTop1 = "imagenet_top1"

// table returns the rows in memory.
func table(list []row) rows.Table {
	t := rows.Table{
		Network:    func(i int) plugins.Network { return list[i].network() },
		Identities: make([]plugins.Identity, len(list)),
	}
	top1 := make([]float64, len(list))
	for i := range list {
		t.Identities[i] = list[i].identity()
		t.Numbers = append(t.Numbers, float64(list[i].params()), list[i].flops)
		top1[i] = list[i].top1
	}
	t.Columns = []rows.Column{{
		// Runs and epochs are those of the supernet's one training, not of the
		// transformer: not known.
		Column: plugins.Column{Name: columnTop1, Summary: "ImageNet-1k top-1 accuracy with weights inherited from the supernet", Unit: "%", Dataset: "ImageNet-1k", Split: "validation"},
		Values: top1,
	}}
	return t
}
