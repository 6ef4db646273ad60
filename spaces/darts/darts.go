package darts

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/rows"
)

// version rises whenever networks, identities, numbers or the draw of the
// default pool change; a change of the files shows in the digest.
const version = 1

// options are what a user may choose.
type options struct {
	Pool  string `option:"pool" doc:"random: genotypes drawn uniformly, valued by the neural surrogate; xgb: the 1,218 that NASLib's XGBoost surrogate valued" choices:"random,xgb"`
	N     int    `option:"n" doc:"how many genotypes pool=random draws; a smaller number is the beginning of a larger one"`
	Epoch int    `option:"epoch" doc:"epoch of the neural surrogate's accuracies, 1 to 98"`
}

func defaults() options { return options{Pool: "random", N: 10000, Epoch: maxEpoch} }

// maxN bounds the pool that a user may ask for: 100,000 genotypes take some
// 200 MB as they are handed over.
const maxN = 100_000

// poolSeed is the seed of the default pool. It is arbitrary and fixed.
const poolSeed = "hypernas darts, random pool 1"

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
		Name:    "darts",
		Version: version,
		Summary: "DARTS genotypes on CIFAR-10; labels are a surrogate's of NAS-Bench-301, not measured",
		Source:  "Liu et al., DARTS, ICLR 2019; Zela et al., Surrogate NAS Benchmarks, ICLR 2022",
		Notes: []string{
			"Labels are predictions of a surrogate model: nothing was trained for them, and how well a predictor imitates the surrogate is all that a score says.",
			"The default pool is 10,000 genotypes, drawn uniformly with a fixed seed: for each node two different inputs and two operations, all equally likely.",
			"docs/darts.md tells more.",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Open implements plugins.Space.
func (s *Space) Open(ctx context.Context, given map[string]string) (plugins.SpaceInfo, error) {
	o := defaults()
	if err := plugins.SetOptions(&o, given); err != nil {
		return plugins.SpaceInfo{}, err
	}
	switch _, sized := given["n"]; {
	case o.N < 1 || o.N > maxN:
		return plugins.SpaceInfo{}, fmt.Errorf("%w: n=%d; it takes 1 to %d", plugins.ErrOption, o.N, maxN)
	case o.Epoch < 1 || o.Epoch > maxEpoch:
		return plugins.SpaceInfo{}, fmt.Errorf("%w: epoch=%d; it takes 1 to %d", plugins.ErrOption, o.Epoch, maxEpoch)
	case sized && o.Pool != "random":
		return plugins.SpaceInfo{}, fmt.Errorf("%w: n=%d; pool=%s has a size of its own", plugins.ErrOption, o.N, o.Pool)
	}
	names := []string{"surrogate.onnx", "encoding.json"}
	if o.Pool == "xgb" {
		names = append(names, "xgb_725.json", "xgb_500.json")
	}
	files := make([][]byte, len(names))
	for i, name := range names {
		data, err := s.source.Read("darts", name)
		if err != nil {
			return plugins.SpaceInfo{}, err
		}
		files[i] = data
	}
	neural, err := newSurrogate(files[0], files[1])
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	info := plugins.SpaceInfo{
		License:  "Apache-2.0 (surrogate: slds-lmu/yahpo_data; XGBoost values and proxies: automl/NASLib)",
		Citation: "Liu et al., DARTS, ICLR 2019; Zela et al., Surrogate NAS Benchmarks, ICLR 2022; Pfisterer et al., YAHPO Gym, AutoML 2022; Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022",
		Notes: []string{
			"Labels are a surrogate's predictions, not measurements, and label and target are one column: noise and ceiling are not known.",
			"The neural surrogate against the XGBoost values of the 1,218 genotypes: Spearman .904, mean +1.3 points.",
		},
	}
	var pool []Genotype
	var scores []valued
	if o.Pool == "xgb" {
		var shared int
		var spread float64
		if scores, shared, spread, err = readPool(files[2], files[3]); err != nil {
			return plugins.SpaceInfo{}, err
		}
		for i := range scores {
			pool = append(pool, scores[i].genotype)
		}
		info.Notes = append(info.Notes, fmt.Sprintf("%d genotypes are in both files; their values differ by up to %.2f points and are averaged, like their proxies.", shared, spread))
	} else {
		pool = draw(o.N)
	}
	table, numbers, err := newTable(pool, scores)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	values, err := neural.values(ctx, pool, o.Epoch)
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	column := plugins.Column{
		Name: "surrogate", Summary: "validation accuracy that YAHPO Gym's neural surrogate predicts",
		Unit: "%", Dataset: "cifar10", Split: "validation", Epochs: o.Epoch,
	}
	table.Columns = []rows.Column{{Column: column, Values: values}}
	if o.Pool == "xgb" {
		column.Name, column.Summary, column.Epochs = "xgb", "validation accuracy that NAS-Bench-301's XGBoost surrogate predicts", maxEpoch
		values := make([]float64, len(scores))
		for i := range scores {
			values[i] = scores[i].accuracy
		}
		table.Columns = append(table.Columns, rows.Column{Column: column, Values: values})
	}
	s.Table = *table
	// The surrogate's values belong to the digest: their last bits depend on the
	// kernels and the processor that compute them, unlike everything else.
	bits := make([]byte, 0, 8*len(values))
	for _, v := range values {
		bits = binary.LittleEndian.AppendUint64(bits, math.Float64bits(v))
	}
	info.Digest = rows.Digest("darts", version, o, append(files, bits)...)
	info.Rows = len(pool)
	info.Vocabulary = vocabulary(numbers)
	info.Columns = s.Described()
	info.Label, info.Target = column.Name, column.Name
	return info, nil
}

// draw returns the first n of the default pool's genotypes, which are all
// different.
func draw(n int) []Genotype {
	var seed [32]byte
	copy(seed[:], poolSeed)
	rng := rand.New(rand.NewChaCha8(seed))
	pool := make([]Genotype, 0, n)
	seen := make(map[Genotype]bool, n)
	for len(pool) < n {
		if g := Draw(rng); !seen[g] {
			seen[g] = true
			pool = append(pool, g)
		}
	}
	return pool
}

// readPool reads the genotypes of both of NASLib's files.
func readPool(larger, smaller []byte) (all []valued, shared int, spread float64, err error) {
	a, err := readXGB(larger, "cifar10")
	if err != nil {
		return nil, 0, 0, fmt.Errorf("xgb_725.json: %w", err)
	}
	b, err := readXGB(smaller, "nasbench301", "cifar10")
	if err != nil {
		return nil, 0, 0, fmt.Errorf("xgb_500.json: %w", err)
	}
	all, shared, spread = merge(a, b)
	return all, shared, spread, nil
}

// newTable returns the rows of a pool, without columns, and the names of its
// numbers; scores is nil, or an entry for each genotype.
func newTable(pool []Genotype, scores []valued) (*rows.Table, []string, error) {
	net := nasBench301()
	table := &rows.Table{
		Network:    func(row int) plugins.Network { return net.network(&pool[row]) },
		Identities: make([]plugins.Identity, len(pool)),
	}
	numbers := []string{plugins.NumberParams, plugins.NumberFLOPs}
	if scores != nil {
		numbers = append(numbers, proxies()...)
	}
	var identifier dag.Identifier
	for i := range pool {
		id, err := identity(&identifier, &pool[i])
		if err != nil {
			return nil, nil, err
		}
		table.Identities[i] = id
		params, flops := net.cost(&pool[i])
		table.Numbers = append(table.Numbers, float64(params), float64(flops))
		if scores != nil {
			table.Numbers = append(table.Numbers, scores[i].proxies...)
		}
	}
	return table, numbers, nil
}
