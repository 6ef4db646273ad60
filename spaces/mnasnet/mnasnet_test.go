package mnasnet

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

// pack returns a tar.gz of files, given as name and contents in turn.
func pack(t testing.TB, files ...string) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))})
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// fixture returns the invented trainings of testdata, as name and contents in
// turn: files 0 and 3 hold one architecture, and 2 and 3 were not timed on a
// TPU v3.
func fixture(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/anb_dataset_jsons/result_*.json")
	if err != nil || len(names) != 5 {
		t.Fatalf("got %v, %v, want 5 files", names, err)
	}
	var files []string
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, "./anb_dataset_jsons/"+filepath.Base(name), string(body))
	}
	return files
}

func memory(t testing.TB, files ...string) registry.Memory {
	return registry.Memory{"mnasnet/accel.tar.gz": pack(t, files...)}
}

func TestContract(t *testing.T) {
	source := memory(t, fixture(t)...)
	create := func() plugins.Space { return New(source) }
	plugintest.Space(t, create)
	plugintest.Space(t, create, plugintest.With(map[string]string{"column": "throughput_tpuv3"}))
}

// efficientNetB0 is EfficientNet-B0 (Tan and Le, ICML 2019), a member of the
// space.
func efficientNetB0() architecture {
	return architecture{
		{1, 3, 1, true}, {6, 3, 2, true}, {6, 5, 2, true}, {6, 3, 3, true}, {6, 5, 3, true}, {6, 5, 4, true}, {6, 3, 1, true},
	}
}

func TestParamsAreEfficientNets(t *testing.T) {
	a := efficientNetB0()
	// torchvision.models.efficientnet_b0 has this many.
	if got, want := a.params(), 5288548; got != want {
		t.Errorf("got %d parameters, want %d", got, want)
	}
}

func TestRows(t *testing.T) {
	s := New(memory(t, fixture(t)...))
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if info.Rows != 4 || info.Label != "val_top1" || info.Target != "val_top1" {
		t.Errorf("got %d rows, label %s, target %s, want 4 rows of val_top1", info.Rows, info.Label, info.Target)
	}
	// The order of tuples: file 4, the mean of 0 and 3, 1, 2.
	for name, want := range map[string][]float64{
		"val_top1":           {44.75, 61.75, 63.25, 55.125},
		"throughput_tpuv3":   {1596.5, 1600.5, 1599.5, math.NaN()},
		"neg_latency_zcu102": {-6.5, -4, -3.5, -4.5},
		"neg_train_time":     {-1504.5, -1502, -1501.5, -1502.5},
	} {
		got, err := s.Column(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, want, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if note := info.Notes[len(info.Notes)-1]; !strings.HasPrefix(note, "1 architectures were trained more than once") || !strings.Contains(note, "0.50 to 0.50 points") {
		t.Errorf("got note %q, want the spread of the architecture that occurs twice", note)
	}
	// The noise of labels is computed from columns of one run with one unit:
	// different measures of one training must not pass for several trainings.
	units := make(map[string]bool)
	for _, c := range info.Columns {
		if c.Runs == 1 && units[c.Unit] {
			t.Errorf("column %s looks like another run of a column in %s", c.Name, c.Unit)
		}
		units[c.Unit] = units[c.Unit] || c.Runs == 1
	}
	b, _, err := s.Read(t.Context(), 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Row(0)[0]; got != 5288548 {
		t.Errorf("got %v parameters of EfficientNet-B0, want 5288548", got)
	}
}

func TestNetworkHasTheChoices(t *testing.T) {
	v := vocabulary()
	a := efficientNetB0()
	a[1] = group{4, 5, 3, false}
	n := a.network()
	if err := n.Validate(&v); err != nil {
		t.Fatal(err)
	}
	steps := n.Searched()
	if len(steps) != groups {
		t.Fatalf("got %d searched steps, want the %d groups", len(steps), groups)
	}
	sides := []float64{112, 56, 28, 14, 14, 7, 7}
	for g, s := range steps {
		channels, stride := place(g)
		want := []float64{float64(channels), float64(stride), sides[g], float64(a[g].expansion)}
		if s.Repeat != a[g].layers || !slices.Equal(s.Attrs, want) {
			t.Errorf("group %d: got %d layers with %v, want %d with %v", g, s.Repeat, s.Attrs, a[g].layers, want)
		}
	}
	for g, want := range map[int]string{
		0: "input identity depthwise_conv_3x3 squeeze_excite project_conv_1x1 output",
		1: "input expand_conv_1x1 depthwise_conv_5x5 identity project_conv_1x1 output",
	} {
		var ops []string
		for _, node := range n.Cells[steps[g].Cell].Nodes {
			ops = append(ops, v.Ops[node.Op].Name)
		}
		if got := strings.Join(ops, " "); got != want {
			t.Errorf("group %d: got %s, want %s", g, got, want)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	good := fixture(t)
	for name, tc := range map[string]struct{ from, to, want string }{
		"cut short":         {`}}}`, ``, "byte"},
		"no number":         {`"block3_k": 3`, `"block3_k": "3"`, "block3_k is 3, want a small"},
		"no such kernel":    {`"block3_k": 3`, `"block3_k": 7`, "block3_k is 7"},
		"no such expansion": {`"block6_e": 6`, `"block6_e": 3`, "block6_e is 3"},
		"too many layers":   {`"block4_l": 3`, `"block4_l": 4`, "block4_l is 4"},
		"missing choice":    {`"block3_k": 3, `, ``, "block3_k is <nil>"},
		"further choice":    {`"block3_k": 3`, `"block3_k": 3, "block7_k": 3`, "29 choices"},
		"other parameters":  {`"params": 5.288548`, `"params": 5.288549`, "the architecture has 5288548"},
		"no multiply-adds":  {`"macs": `, `"macs": -`, "macs is -"},
		"no accuracy":       {`"val_top1": 63.25`, `"val_top1": 163.25`, "val_top1"},
		"null accuracy":     {`"val_top1": 63.25`, `"val_top1": null`, "val_top1 is null"},
		"negative latency":  {`"latency_mean": 3.5`, `"latency_mean": -3.5`, "latency_zcu102: latency_mean is -3.5"},
		"missing device":    {`"latency_zcu102"`, `"latency_other"`, "latency_zcu102: latency_mean is missing"},
		"missing section":   {`"metrics"`, `"metrix"`, "val_top1 is missing"},
	} {
		files := slices.Clone(good)
		files[3] = strings.Replace(files[3], tc.from, tc.to, 1)
		if files[3] == good[3] {
			t.Fatalf("%s: nothing replaced", name)
		}
		_, err := New(memory(t, files...)).Open(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), "result_1.json") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error naming result_1.json and %q", name, err, tc.want)
		}
	}
	files := slices.Clone(good)
	files[7] = strings.Replace(files[7], `"macs": `, `"macs": 1`, 1)
	if _, err := New(memory(t, files...)).Open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "multiply-adds") {
		t.Errorf("one architecture, two costs: got %v", err)
	}
	if _, err := New(memory(t)).Open(t.Context(), nil); err == nil {
		t.Error("an empty archive was accepted")
	}
	if _, err := New(registry.Memory{}).Open(t.Context(), nil); !errors.Is(err, plugins.ErrDataMissing) {
		t.Errorf("no data: got %v, want ErrDataMissing", err)
	}
	if _, err := New(memory(t, good...)).Open(t.Context(), map[string]string{"column": "params"}); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("no such column: got %v, want ErrOption", err)
	}
}

// TestOptionNamesColumns keeps the option's choices and the columns together.
func TestOptionNamesColumns(t *testing.T) {
	d, err := New(registry.Memory{}).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range measures() {
		if m.name != "neg_train_time" {
			want = append(want, m.name)
		}
	}
	if got := d.Options[0].Choices; !slices.Equal(got, want) {
		t.Errorf("got choices %v, want %v", got, want)
	}
}

func TestRealData(t *testing.T) {
	s := New(registrytest.Mirror(t, "mnasnet"))
	info, err := s.Open(t.Context(), nil) // which compares the parameters of every file
	if err != nil {
		t.Fatal(err)
	}
	_, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[plugins.Identity]bool)
	for _, id := range ids {
		seen[id] = true
	}
	if info.Rows != 5125 || len(seen) != 5125 {
		t.Errorf("got %d rows of %d identities, want 5125 of 5125", info.Rows, len(seen))
	}
	top1, err := s.Column(t.Context(), "val_top1")
	if err != nil {
		t.Fatal(err)
	}
	// 42.85 and 67.05 are DATA.md's.
	if low, high := slices.Min(top1), slices.Max(top1); math.Abs(low-42.85) > .005 || math.Abs(high-67.05) > .005 {
		t.Errorf("got top-1 from %v to %v, want 42.85 to 67.05", low, high)
	}
	if note := info.Notes[len(info.Notes)-1]; !strings.Contains(note, "13 architectures") || !strings.Contains(note, "0.01 to 1.28 points") {
		t.Errorf("got note %q, want 13 architectures 0.01 to 1.28 points apart", note)
	}
	gaps := make(map[string]int)
	for _, c := range info.Columns {
		values, err := s.Column(t.Context(), c.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range values {
			if math.IsNaN(x) {
				gaps[c.Name]++
			}
		}
	}
	// Counted by a Python script in the 5,138 files; no architecture that occurs twice has a gap.
	if want := map[string]int{
		"throughput_3090": 3, "throughput_tpuv2": 37, "throughput_tpuv3": 44, "throughput_zcu102": 2,
		"throughput_vck190": 2, "neg_latency_zcu102": 2, "neg_latency_vck190": 2,
	}; !maps.Equal(gaps, want) {
		t.Errorf("got gaps %v, want %v", gaps, want)
	}
}

func FuzzReadTraining(f *testing.F) {
	files := fixture(f)
	for i := 1; i < len(files); i += 2 {
		f.Add([]byte(files[i]))
	}
	f.Add([]byte(`{"architecture": {"block0_e": null}}`))
	list, v := measures(), vocabulary()
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := readTraining(body, list)
		if err != nil {
			return
		}
		n := got.architecture.network()
		if err := n.Validate(&v); err != nil {
			t.Errorf("accepted %s, whose network is invalid: %v", body, err)
		}
	})
}
