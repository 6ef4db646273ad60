//go:build linux

package host_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
)

// nasbench201 returns the 15,625 networks of NAS-Bench-201's topology: a stem,
// three stages of five cells, two reductions; cells of an input, six
// operations on the edges of a complete graph of four vertices, an output.
func nasbench201() (plugins.Vocabulary, plugins.Batch) {
	v := plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "input", Kind: plugins.KindInput},
			{Name: "output", Kind: plugins.KindOutput},
			{Name: "none", Kind: plugins.KindNone},
			{Name: "skip_connect", Kind: plugins.KindSkip},
			{Name: "nor_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			{Name: "nor_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
			{Name: "avg_pool_3x3", Kind: plugins.KindAvgPool, Kernel: 3},
		},
		CellAttrs: []string{"channels", "resolution", "stride"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs},
	}
	stem := plugins.Cell{
		Role: plugins.RoleStem, Fixed: true,
		Nodes: []plugins.Node{{Op: 0}, {Op: 5}, {Op: 1}}, Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
	}
	reduction := stem
	reduction.Role = plugins.RoleReduction
	// Operations 1 to 6 lie on the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
	var edges []plugins.Edge
	for _, e := range [][2]int{{0, 1}, {0, 2}, {1, 3}, {0, 4}, {1, 5}, {2, 6}, {3, 6}, {4, 7}, {5, 7}, {6, 7}} {
		edges = append(edges, plugins.Edge{From: e[0], To: e[1]})
	}
	sequence := []plugins.Step{
		{Cell: 0, Repeat: 1, Attrs: []float64{16, 32, 1}},
		{Cell: 1, Repeat: 5, Attrs: []float64{16, 32, 1}},
		{Cell: 2, Repeat: 1, Attrs: []float64{32, 16, 2}},
		{Cell: 1, Repeat: 5, Attrs: []float64{32, 16, 1}},
		{Cell: 2, Repeat: 1, Attrs: []float64{64, 8, 2}},
		{Cell: 1, Repeat: 5, Attrs: []float64{64, 8, 1}},
	}
	var b plugins.Batch
	for i := range 15625 {
		nodes := make([]plugins.Node, 8)
		for k, rest := 1, i; k <= 6; k, rest = k+1, rest/5 {
			nodes[k].Op = 2 + rest%5
		}
		nodes[7].Op = 1
		cell := plugins.Cell{Role: plugins.RoleNormal, Nodes: nodes, Edges: edges}
		b.Networks = append(b.Networks, plugins.Network{Cells: []plugins.Cell{stem, cell, reduction}, Sequence: sequence})
		b.Numbers = append(b.Numbers, float64(i), float64(2*i))
	}
	return v, b
}

// BenchmarkTrial measures what the host adds to a trial: a fresh process,
// Describe, a fit on 20 architectures, and the predictions of a predictor
// that does nothing for 15,625.
func BenchmarkTrial(b *testing.B) {
	v, all := nasbench201()
	fit := &plugins.Training{Vocabulary: v, Batch: all.Slice(0, 20), Labels: slices.Clone(all.Numbers[:20])}
	plugin, err := host.Builtin(host.KindPredictor, "honest", 1)
	if err != nil {
		b.Fatal(err)
	}
	o := host.Options{Limits: host.DefaultLimits(), TempDir: shortDir(b)}
	defer reportCPU(b)()
	for b.Loop() {
		p, err := host.LaunchPredictor(b.Context(), plugin, o)
		if err != nil {
			b.Fatal(err)
		}
		err = errors.Join(use(b.Context(), p, fit, &all), p.Close())
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPredict measures how long all of NAS-Bench-201 takes from the host
// to a predictor that does nothing, and its predictions back. Each iteration
// has a fresh process, as each trial has; its start is not timed.
func BenchmarkPredict(b *testing.B) {
	v, all := nasbench201()
	fit := &plugins.Training{Vocabulary: v, Batch: all.Slice(0, 20), Labels: slices.Clone(all.Numbers[:20])}
	plugin, err := host.Builtin(host.KindPredictor, "honest", 1)
	if err != nil {
		b.Fatal(err)
	}
	o := host.Options{Limits: host.DefaultLimits(), TempDir: shortDir(b)}
	for b.Loop() {
		b.StopTimer()
		p, err := host.LaunchPredictor(b.Context(), plugin, o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Fit(b.Context(), fit); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		_, err = p.Predict(b.Context(), &all)
		b.StopTimer()
		if err := errors.Join(err, p.Close()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkLaunch measures a process's start and end alone, of a built-in
// plugin and of an external one in its sandbox.
func BenchmarkLaunch(b *testing.B) {
	builtin, err := host.Builtin(host.KindPredictor, "honest", 1)
	if err != nil {
		b.Fatal(err)
	}
	external, err := host.External(host.KindPredictor, "honest", executable(b), "plugin", "predictor", "honest")
	if err != nil {
		b.Fatal(err)
	}
	for name, plugin := range map[string]host.Plugin{"builtin": builtin, "external": external} {
		b.Run(name, func(b *testing.B) {
			o := host.Options{Limits: host.DefaultLimits(), TempDir: shortDir(b)}
			defer reportCPU(b)()
			for b.Loop() {
				p, err := host.LaunchPredictor(b.Context(), plugin, o)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func executable(b *testing.B) string {
	b.Helper()
	path, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	return path
}

func use(ctx context.Context, p plugins.Predictor, t *plugins.Training, test *plugins.Batch) error {
	if _, err := p.Describe(ctx); err != nil {
		return err
	}
	if _, err := p.Fit(ctx, t); err != nil {
		return err
	}
	_, err := p.Predict(ctx, test)
	return err
}

// reportCPU adds the CPU time of this process and of its children to the
// benchmark's result when it is called; unlike the wall time it does not
// depend on what else the machine does.
func reportCPU(b *testing.B) func() {
	start := cpu(b)
	return func() { b.ReportMetric((cpu(b)-start).Seconds()*1000/float64(b.N), "cpu-ms/op") }
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	total := time.Duration(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return total
}
