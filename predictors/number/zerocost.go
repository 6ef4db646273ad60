package number

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/plugins"
)

// zeroCostVersion rises whenever the values of [ZeroCost] change.
const zeroCostVersion = 1

// auto is the proxy of an architecture's space that preferred chooses.
const auto = "auto"

// preferred are the proxies that auto takes before others, the first that a
// space has: those that Krishnakumar et al. (NAS-Bench-Suite-Zero, NeurIPS
// 2022) found to rank best over most spaces, by the names of NASLib.
func preferred() []string { return []string{"nwot", "zen", "synflow"} }

// zeroCostOptions are what a user may choose.
type zeroCostOptions struct {
	Proxy  string `option:"proxy" doc:"a number that the space gives, by name; auto takes nwot, zen or synflow, else the first that is neither params nor flops"`
	Invert bool   `option:"invert" doc:"smaller is better"`
}

// ZeroCost values an architecture by any number that its space gives and that
// is known without training.
type ZeroCost struct {
	column, columns int // of the number, of how many; columns is 0 before Fit
	sign            float64
	least           float64 // of the training architectures' values
}

var _ plugins.Predictor = (*ZeroCost)(nil)

// Proxy returns the predictor whose number is chosen by an option.
func Proxy() *ZeroCost { return &ZeroCost{} }

// Describe implements [plugins.Predictor].
func (*ZeroCost) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "zerocost",
		Version: zeroCostVersion,
		Summary: "a training-free number that the space gives, larger first",
		Source:  "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021; Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022",
		Notes: []string{
			"uses no labels; computes nothing: the numbers are those that come with the space",
			"an architecture whose number is not known counts as the worst of the training architectures",
		},
		Options: plugins.DescribeOptions(zeroCostOptions{Proxy: auto}),
	}, nil
}

// Fit implements [plugins.Predictor]. It returns an error wrapping
// [plugins.ErrUnsupported] where the space gives no training-free number but
// params and flops and none was asked for by name, and one wrapping
// [plugins.ErrOption] where it gives none of the name.
func (p *ZeroCost) Fit(_ context.Context, t *plugins.Training) (plugins.Fitted, error) {
	o := zeroCostOptions{Proxy: auto}
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit zerocost: %w", err)
	}
	if t.Batch.Len() == 0 { // a probe of the options alone: there is no space whose numbers a name could be among
		return plugins.Fitted{}, fmt.Errorf("fit zerocost: %w: no architectures", plugins.ErrInput)
	}
	names := t.Vocabulary.Numbers
	column := t.Vocabulary.NumberIndex(o.Proxy)
	if o.Proxy == auto {
		column = choose(names)
	}
	switch {
	case column < 0 && o.Proxy == auto:
		return plugins.Fitted{}, fmt.Errorf("fit zerocost: %w: the space gives no proxy; %s", plugins.ErrUnsupported, given(names))
	case column < 0:
		return plugins.Fitted{}, fmt.Errorf("fit zerocost: %w: proxy=%s is not one of the space's numbers; %s", plugins.ErrOption, o.Proxy, given(names))
	}
	sign := 1.0
	if o.Invert {
		sign = -1
	}
	if len(t.Batch.Numbers) != t.Batch.Len()*len(names) {
		return plugins.Fitted{}, fmt.Errorf("fit zerocost: %w: %d numbers for %d architectures", plugins.ErrInput, len(t.Batch.Numbers), t.Batch.Len())
	}
	least := math.Inf(1)
	for i := range t.Batch.Len() {
		if x := sign * t.Batch.Row(i)[column]; known(x) {
			least = min(least, x)
		}
	}
	*p = ZeroCost{column: column, columns: len(names), sign: sign, least: least}
	if o.Proxy == auto {
		return plugins.Fitted{Warnings: []string{"values are the space's number " + names[column]}}, nil
	}
	return plugins.Fitted{}, nil
}

// choose returns the column that auto takes, or -1.
func choose(names []string) int {
	for _, name := range preferred() {
		if i := slices.Index(names, name); i >= 0 {
			return i
		}
	}
	return slices.IndexFunc(names, func(name string) bool { return name != plugins.NumberParams && name != plugins.NumberFLOPs })
}

// given says which numbers a space gives.
func given(names []string) string {
	if len(names) == 0 {
		return "it gives no numbers at all"
	}
	return "it gives " + strings.Join(names, ", ")
}

// known reports whether a number is one.
func known(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Predict implements [plugins.Predictor]. It returns an error wrapping
// [plugins.ErrUnsupported] for an architecture whose number is not known where
// that of no training architecture is.
func (p *ZeroCost) Predict(_ context.Context, b *plugins.Batch) ([]float64, error) {
	if p.columns == 0 {
		return nil, fmt.Errorf("predict with zerocost: %w", plugins.ErrNotFitted)
	}
	if len(b.Numbers) != b.Len()*p.columns {
		return nil, fmt.Errorf("predict with zerocost: %w: %d numbers for %d architectures", plugins.ErrInput, len(b.Numbers), b.Len())
	}
	values := make([]float64, b.Len())
	for i := range values {
		if values[i] = p.sign * b.Row(i)[p.column]; !known(values[i]) {
			values[i] = p.least
		}
		if !known(values[i]) {
			return nil, fmt.Errorf("predict with zerocost: %w: row %d of the block has no such number, nor has any training architecture", plugins.ErrUnsupported, i)
		}
	}
	return values, nil
}
