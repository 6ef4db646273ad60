package conform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/hypernas/hypernas/plugins"
)

// Chains is a search space for checks and tests: cells are chains of three operations
// out of five, in a network of a stem, two stages and a reduction between
// them. Its accuracies are invented, by a formula with noise, and say nothing
// of any real network.
type Chains struct {
	batch  plugins.Batch
	ids    []plugins.Identity
	label  []float64
	target []float64
}

var _ plugins.Space = (*Chains)(nil)

// Operations of a chain's vocabulary, in its order.
const (
	chainInput = iota
	chainOutput
	chainNone
	chainSkip
	chainConv1
	chainConv3
	chainPool
	chainOps
)

const (
	chainLength  = 3
	chainChoices = chainOps - chainNone
	chainRows    = chainChoices * chainChoices * chainChoices
)

// chainNote is what chains say of themselves wherever they can.
const chainNote = "invented accuracies, for tests only"

// NewChains returns the space; it has to be opened like any other.
func NewChains() *Chains { return &Chains{} }

// Describe implements plugins.Space.
func (c *Chains) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name: "chains", Version: 1, Summary: "125 chains of three operations", Source: "invented", Notes: []string{chainNote},
		Options: plugins.DescribeOptions(chainOptions{Noise: 1}),
	}, nil
}

type chainOptions struct {
	Noise float64 `option:"noise" doc:"standard deviation of the invented accuracies, in points"`
}

// Open implements plugins.Space.
func (c *Chains) Open(_ context.Context, options map[string]string) (plugins.SpaceInfo, error) {
	o := chainOptions{Noise: 1}
	if err := plugins.SetOptions(&o, options); err != nil {
		return plugins.SpaceInfo{}, err
	}
	*c = Chains{}
	rng := rand.New(rand.NewPCG(1, 1))
	digest := sha256.New()
	fmt.Fprintf(digest, "chains 1 noise %v", o.Noise)
	for row := range chainRows {
		ops := [chainLength]int{}
		for i, rest := 0, row; i < chainLength; i, rest = i+1, rest/chainChoices {
			ops[i] = chainNone + rest%chainChoices
		}
		params, flops := chainCost(ops)
		c.batch.Networks = append(c.batch.Networks, chainNetwork(ops))
		c.batch.Numbers = append(c.batch.Numbers, params, flops)
		key := chainKey(ops)
		sum := sha256.Sum256([]byte(key))
		c.ids = append(c.ids, plugins.Identity(sum[:16]))
		accuracy := 10.0
		if key != "none" {
			accuracy = 30 + 5*math.Log(params) + 2*float64(strings.Count(key, "3")) - float64(strings.Count(key, "p"))
		}
		c.label = append(c.label, accuracy+o.Noise*rng.NormFloat64())
		c.target = append(c.target, accuracy+o.Noise/2*rng.NormFloat64())
	}
	return plugins.SpaceInfo{
		Rows:       chainRows,
		Digest:     hex.EncodeToString(digest.Sum(nil)),
		Vocabulary: chainVocabulary(),
		Columns: []plugins.Column{
			{Name: "validation", Unit: "%", Dataset: "invented", Split: "validation", Runs: 1},
			{Name: "test", Unit: "%", Dataset: "invented", Split: "test", Runs: 4},
		},
		Label: "validation", Target: "test",
		License: "Apache-2.0", Notes: []string{chainNote},
	}, nil
}

// Read implements plugins.Space.
func (c *Chains) Read(_ context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	if lo < 0 || lo > hi || hi > len(c.ids) {
		return plugins.Batch{}, nil, fmt.Errorf("%w: rows %d to %d of %d", plugins.ErrInput, lo, hi, len(c.ids))
	}
	return c.batch.Slice(lo, hi), c.ids[lo:hi:hi], nil
}

// Column implements plugins.Space.
func (c *Chains) Column(_ context.Context, name string) ([]float64, error) {
	switch name {
	case "validation":
		return c.label, nil
	case "test":
		return c.target, nil
	default:
		return nil, fmt.Errorf("%w: there is no column %q", plugins.ErrInput, name)
	}
}

func chainVocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			chainInput:  {Name: "input", Kind: plugins.KindInput},
			chainOutput: {Name: "output", Kind: plugins.KindOutput},
			chainNone:   {Name: "none", Kind: plugins.KindNone},
			chainSkip:   {Name: "skip", Kind: plugins.KindSkip},
			chainConv1:  {Name: "conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			chainConv3:  {Name: "conv_3x3", Kind: plugins.KindConv, Kernel: 3},
			chainPool:   {Name: "avg_pool_3x3", Kind: plugins.KindAvgPool, Kernel: 3},
		},
		CellAttrs: []string{"channels", "resolution", "stride"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs},
	}
}

func chainNetwork(ops [chainLength]int) plugins.Network {
	stem := chainCell(plugins.RoleStem, chainConv3)
	reduction := chainCell(plugins.RoleReduction, chainConv3)
	stem.Fixed, reduction.Fixed = true, true
	return plugins.Network{
		Cells: []plugins.Cell{stem, chainCell(plugins.RoleNormal, ops[:]...), reduction},
		Sequence: []plugins.Step{
			{Cell: 0, Repeat: 1, Attrs: []float64{8, 8, 1}},
			{Cell: 1, Repeat: 2, Attrs: []float64{8, 8, 1}},
			{Cell: 2, Repeat: 1, Attrs: []float64{16, 4, 2}},
			{Cell: 1, Repeat: 2, Attrs: []float64{16, 4, 1}},
		},
	}
}

func chainCell(role plugins.Role, ops ...int) plugins.Cell {
	c := plugins.Cell{Role: role, Nodes: []plugins.Node{{Op: chainInput}}}
	for _, op := range append(ops, chainOutput) {
		c.Edges = append(c.Edges, plugins.Edge{From: len(c.Nodes) - 1, To: len(c.Nodes)})
		c.Nodes = append(c.Nodes, plugins.Node{Op: op})
	}
	return c
}

// chainCost returns the parameters and multiply-adds of a network with a
// stem from 1 channel and 10 classes.
func chainCost(ops [chainLength]int) (params, flops float64) {
	params, flops = 9*8+9*8*16+10*16, 9*8*64+9*8*16*16+10*16
	for _, stage := range [][2]float64{{8, 64}, {16, 16}} { // channels, pixels
		for _, op := range ops {
			kernel := 0.0
			switch op {
			case chainConv1:
				kernel = 1
			case chainConv3:
				kernel = 9
			}
			params += 2 * kernel * stage[0] * stage[0]
			flops += 2 * kernel * stage[0] * stage[0] * stage[1]
		}
	}
	return params, flops
}

// chainKey names the function that a chain computes: a none makes all of it
// zero, a skip changes nothing.
func chainKey(ops [chainLength]int) string {
	var key strings.Builder
	key.WriteString("chain")
	for _, op := range ops {
		switch op {
		case chainNone:
			return "none"
		case chainConv1:
			key.WriteString(" 1")
		case chainConv3:
			key.WriteString(" 3")
		case chainPool:
			key.WriteString(" p")
		}
	}
	return key.String()
}
