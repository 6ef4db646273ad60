package nasbench101

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hypernas/hypernas/internal/nb101"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
)

// appendRecord appends a TFRecord record.
func appendRecord(dst, data []byte) []byte {
	masked := func(data []byte) uint32 {
		crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		return (crc>>15 | crc<<17) + 0xa282ead8
	}
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	dst = append(dst, length...)
	dst = binary.LittleEndian.AppendUint32(dst, masked(length))
	dst = append(dst, data...)
	return binary.LittleEndian.AppendUint32(dst, masked(data))
}

// message returns the ModelMetrics of a run, as nasbench writes them: three
// evaluations, of which the first two have other accuracies than the last.
func message(r run) []byte {
	var m []byte
	for i, part := range []float64{0, 0.5, 1} {
		var e []byte
		for field, x := range []float64{108 * part, r.seconds * part, 0.1 + part/4, 0.1, 0.1} {
			if i == 2 {
				x = []float64{108, r.seconds, 1, r.validation, r.test}[field]
			}
			e = protowire.AppendTag(e, protowire.Number(field+1), protowire.Fixed64Type)
			e = protowire.AppendFixed64(e, math.Float64bits(x))
		}
		e = protowire.AppendTag(e, 6, protowire.BytesType)
		e = protowire.AppendString(e, "")
		m = protowire.AppendTag(m, 1, protowire.BytesType)
		m = protowire.AppendBytes(m, e)
	}
	m = protowire.AppendTag(m, 2, protowire.VarintType)
	m = protowire.AppendVarint(m, uint64(r.params))
	m = protowire.AppendTag(m, 3, protowire.Fixed64Type)
	return protowire.AppendFixed64(m, math.Float64bits(2*r.seconds))
}

// row returns the JSON of a run, as Python's json.dumps writes it.
func row(r run) string {
	adjacency, operations := r.module.Format()
	return fmt.Sprintf(`["%s", 108, "%s", "%s", "%s"]`, r.hash, adjacency, operations, base64.StdEncoding.EncodeToString(message(r)))
}

// invented returns three runs of each module with invented values. Modules
// appear in an order that is none of the enumeration's, and the runs of one do
// not follow each other.
func invented(modules []nb101.Module) []run {
	rng := rand.New(rand.NewPCG(1, 2))
	hashes := nb101.Hashes(modules)
	order := rng.Perm(len(modules))
	runs := make([]run, 0, numRuns*len(modules))
	for range numRuns {
		for _, i := range order {
			runs = append(runs, run{
				hash: hashes[i], module: modules[i], params: modules[i].Params(),
				validation: float64(rng.Float32()), test: float64(rng.Float32()), seconds: float64(5000 * rng.Float32()),
			})
		}
	}
	return runs
}

func smallRuns() []run { return invented(nb101.Enumerate(fixtureVertices)) }

// officialFile returns the runs as a file in the official format.
func officialFile(t testing.TB, runs []run) []byte {
	t.Helper()
	var file []byte
	for _, r := range runs {
		file = appendRecord(file, []byte(row(r)))
	}
	return file
}

func TestImport(t *testing.T) {
	cache := registry.Cache{Dir: t.TempDir()}
	runs := smallRuns()
	n := len(runs) / numRuns
	if err := importOfficial(cache, fixtureVertices, bytes.NewReader(officialFile(t, runs))); err != nil {
		t.Fatal(err)
	}
	s := small(cache)
	info, err := s.Open(t.Context(), map[string]string{"data": "official"})
	if err != nil {
		t.Fatal(err)
	}
	if info.Rows != n || info.Label != "validation_0" || info.Target != "test_mean" {
		t.Errorf("%d rows, label %s, target %s", info.Rows, info.Label, info.Target)
	}
	label, target, second := column(t, s, info.Label), column(t, s, info.Target), column(t, s, "validation_1")
	times := column(t, s, "neg_training_time")
	m := newMacro()
	for i := range n {
		a, b, c := runs[i], runs[n+i], runs[2*n+i]
		if label[i] != 100*a.validation || second[i] != 100*b.validation {
			t.Fatalf("row %d: validation %v and %v, want %v and %v", i, label[i], second[i], 100*a.validation, 100*b.validation)
		}
		if d := target[i] - 100*(a.test+b.test+c.test)/3; math.Abs(d) > 1e-9 {
			t.Fatalf("row %d: target is off by %v", i, d)
		}
		if d := times[i] + (a.seconds+b.seconds+c.seconds)/3; math.Abs(d) > 1e-9 {
			t.Fatalf("row %d: training time is off by %v", i, d)
		}
		got, want := s.Network(i).Cells[1], m.network(a.module).Cells[1]
		if !slices.Equal(got.Edges, want.Edges) {
			t.Fatalf("row %d has edges %v, want those of the file's %v", i, got.Edges, want.Edges)
		}
	}

	// The same file again, and then another.
	if err := importOfficial(cache, fixtureVertices, bytes.NewReader(officialFile(t, runs))); err != nil {
		t.Errorf("the same file again: %v", err)
	}
	runs[0].test /= 2
	err = importOfficial(cache, fixtureVertices, bytes.NewReader(officialFile(t, runs)))
	if err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("another file: %v, want an error that tells both SHA-256", err)
	}
}

func TestPINATColumns(t *testing.T) {
	for _, test := range []struct {
		runs                 [3]float64
		resampled, converged float64
	}{
		{[3]float64{.9, .8, .1}, .9, .85},
		{[3]float64{.1, .25, .8}, .25, .8},
		{[3]float64{.1, .1, .1}, .908192, .1},
	} {
		if got := resampled(test.runs); got != test.resampled {
			t.Errorf("resampled(%v) = %v, want %v", test.runs, got, test.resampled)
		}
		if got := converged(test.runs); math.Abs(got-test.converged) > 1e-12 {
			t.Errorf("converged(%v) = %v, want %v", test.runs, got, test.converged)
		}
	}
}

// TestRenamedGraph imports a module with its vertices in another order than
// the enumeration's: the file's order counts, as parameters depend on it.
func TestRenamedGraph(t *testing.T) {
	runs := smallRuns()
	renamed, err := nb101.Parse("0110"+"0001"+"0001"+"0000", "input,conv1x1-bn-relu,conv3x3-bn-relu,output")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range runs {
		if runs[i].hash == renamed.Hash() && runs[i].module != renamed {
			runs[i].module, runs[i].params = renamed, renamed.Params()
			found++
		}
	}
	if found != numRuns {
		t.Fatalf("%d runs of the module in another order, want %d", found, numRuns)
	}
	if err := importOfficial(registry.Cache{Dir: t.TempDir()}, fixtureVertices, bytes.NewReader(officialFile(t, runs))); err != nil {
		t.Error(err)
	}
}

// TestImportKeepsNothing imports into a source that keeps nothing, as a cache
// on a full disk does.
func TestImportKeepsNothing(t *testing.T) {
	err := importOfficial(registry.Memory{}, fixtureVertices, bytes.NewReader(officialFile(t, smallRuns())))
	if !errors.Is(err, errNotKept) {
		t.Errorf("got %v, want an error that says so", err)
	}
}

// TestImportRefuses damages the third record of a file.
func TestImportRefuses(t *testing.T) {
	runs := smallRuns()
	records := make([][]byte, 0, len(runs))
	for _, r := range runs {
		records = append(records, appendRecord(nil, []byte(row(r))))
	}
	start := len(records[0]) + len(records[1])
	// record returns the third record with its data changed and CRCs that fit.
	record := func(change func(r *run) string) []byte {
		r := runs[2]
		return appendRecord(nil, []byte(change(&r)))
	}
	edited := func(change func(m []byte) []byte) []byte {
		return record(func(r *run) string {
			text := row(*r)
			old := base64.StdEncoding.EncodeToString(message(*r))
			return strings.Replace(text, old, base64.StdEncoding.EncodeToString(change(message(*r))), 1)
		})
	}
	flipped := func(at int) []byte {
		b := slices.Clone(records[2])
		b[at] ^= 1
		return b
	}
	at := func(format string, offset int) string { return fmt.Sprintf(format, start+offset) }
	for _, test := range []struct {
		name   string
		record []byte // in place of the third
		last   bool   // whether the file ends after it
		want   string
	}{
		{"cut within the length", records[2][:5], true, at("byte %d: the file ends within a record that begins at byte ", 5)},
		{"cut after the length", records[2][:12], true, at("byte %d: the file ends within", 12)},
		{"cut within the data", records[2][:100], true, at("byte %d: the file ends within", 100)},
		{"cut within the last checksum", records[2][:len(records[2])-1], true, at("byte %d: the file ends within", len(records[2])-1)},
		{"cut after a record", nil, true, at("byte %d: the file ends with 1 of 3 runs", 0)},
		{"wrong length", flipped(0), false, at("byte %d: the CRC of a record's length", 0)},
		{"wrong CRC of the length", flipped(8), false, at("byte %d: the CRC of a record's length", 0)},
		{"wrong byte", flipped(40), false, at("byte %d: the CRC of a record's ", 12)},
		{"wrong CRC", flipped(len(records[2]) - 1), false, at("byte %d: the CRC of a record's ", 12)},
		{"huge length", appendRecord(nil, make([]byte, registry.MaxRecord+1)), false, at("byte %d: a record of 1048577 bytes", 0)},
		{"no JSON", record(func(r *run) string { return strings.Replace(row(*r), `", 108`, ` 108`, 1) }), false, at("record at byte %d", 0)},
		{"another value", record(func(*run) string { return `{"a": 1}` }), false, at("record at byte %d", 0)},
		{"too few values", record(func(r *run) string { return fmt.Sprintf(`["%s", 108]`, r.hash) }), false, at("record at byte %d", 0)},
		{"a number for a string", record(func(*run) string { return `[1, 108, "", "", ""]` }), false, "value 0 is 1"},
		{"other epochs", record(func(r *run) string { return strings.Replace(row(*r), "108", "36", 1) }), false, "a run of 36 epochs"},
		{"no hash", record(func(r *run) string { return strings.Replace(row(*r), `["`, `["x`, 1) }), false, at("record at byte %d", 0)},
		{"no graph", record(func(r *run) string { return strings.Replace(row(*r), "input", "inputs", 1) }), false, at("record at byte %d", 0)},
		{"another hash", record(func(r *run) string { r.hash = runs[3].hash; return row(*r) }), false, at("record at byte %d: the graph's hash is", 0)},
		{"an unknown hash", record(func(r *run) string { r.hash = nb101.Hash{}; return row(*r) }), false, at("record at byte %d: no module", 0)},
		{"other parameters", record(func(r *run) string { r.params++; return row(*r) }), false, at("record at byte %d: module", 0)},
		{"no base64", record(func(r *run) string { return strings.Replace(row(*r), `"]`, `!"]`, 1) }), false, "base64"},
		{"protobuf cut short", edited(func(m []byte) []byte { return m[:len(m)-3] }), false, "field 3: unexpected EOF"},
		{"protobuf without the last evaluation", edited(func(m []byte) []byte { return m[2*(len(m)/4):] }), false, at("record at byte %d", 0)},
		{"protobuf of other types", edited(func([]byte) []byte { return []byte{1 << 3, 1} }), false, "byte 0 of 2, field 1: it has another type"},
		{"empty protobuf", edited(func([]byte) []byte { return nil }), false, "0 evaluations"},
		{"an accuracy of 2", record(func(r *run) string { r.test = 2; return row(*r) }), false, at("record at byte %d", 0)},
		{"an accuracy that is none", record(func(r *run) string { r.validation = math.NaN(); return row(*r) }), false, at("record at byte %d", 0)},
		{"a fourth run", bytes.Join([][]byte{records[2], records[2]}, nil), false, "has more than 3 runs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := bytes.Join([][]byte{records[0], records[1], test.record}, nil)
			if !test.last {
				file = append(file, bytes.Join(records[3:], nil)...)
			}
			err := importOfficial(registry.Memory{}, fixtureVertices, bytes.NewReader(file))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that has %q", err, test.want)
			}
		})
	}
	t.Run("a module missing", func(t *testing.T) {
		var file []byte
		for i, r := range records {
			if runs[i].hash != runs[2].hash {
				file = append(file, r...)
			}
		}
		err := importOfficial(registry.Memory{}, fixtureVertices, bytes.NewReader(file))
		if want := fmt.Sprintf("byte %d: the file ends after 90 modules, want 91", len(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that has %q", err, want)
		}
	})
}

func TestMissingOfficialFile(t *testing.T) {
	_, err := small(fixture(t)).Open(t.Context(), map[string]string{"data": "official"})
	if !errors.Is(err, plugins.ErrDataMissing) || !strings.Contains(err.Error(), "hypernas data import nasbench101") {
		t.Errorf("got %v, want an error that wraps plugins.ErrDataMissing and names the command", err)
	}
}

func FuzzRecords(f *testing.F) {
	file := officialFile(f, smallRuns()[:3])
	f.Add(file)
	f.Add(file[:100])
	f.Fuzz(func(t *testing.T, file []byte) {
		r := registry.NewRecords(bytes.NewReader(file))
		var again []byte
		for {
			data, _, err := r.Next()
			if err != nil {
				if errors.Is(err, io.EOF) && !bytes.Equal(again, file) {
					t.Error("records are not those of the file")
				}
				return
			}
			again = appendRecord(again, data)
		}
	})
}

func FuzzParseRun(f *testing.F) {
	for _, r := range smallRuns()[:5] {
		f.Add([]byte(row(r)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRun(data)
		if err != nil {
			return
		}
		if err := r.module.Validate(); err != nil || !isAccuracy(r.validation) || !isAccuracy(r.test) || !isSeconds(r.seconds) {
			t.Errorf("got %+v: %v", r, err)
		}
		if again, err := parseRun([]byte(row(r))); err != nil || again != r {
			t.Errorf("got %+v, and when written again %+v, %v", r, again, err)
		}
	})
}

func FuzzMetrics(f *testing.F) {
	f.Add(message(smallRuns()[0]))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r run
		if err := r.parseMetrics(data); err == nil && !isAccuracy(r.test) {
			t.Errorf("got %+v", r)
		}
	})
}

// writeAll writes an official file of all modules as it is read.
func writeAll(w *io.PipeWriter, runs []run) {
	var buffer []byte
	for _, r := range runs {
		buffer = appendRecord(buffer[:0], []byte(row(r)))
		if _, err := w.Write(buffer); err != nil {
			return
		}
	}
	w.Close()
}

// TestImportAll imports a generated file of all 423,624 modules, which it
// leaves in the folder NASBENCH101_LARGE, and opens it. It takes a minute, so
// it runs only where that is set.
func TestImportAll(t *testing.T) {
	folder := os.Getenv("NASBENCH101_LARGE")
	if folder == "" {
		t.Skip("set NASBENCH101_LARGE to a folder with 600 MB to spare to import a generated file of all modules")
	}
	runs := invented(nb101.Enumerate(nb101.MaxVertices))
	cache := registry.Cache{Dir: t.TempDir()}
	start := time.Now()
	if _, err := openIndex(cache, nb101.MaxVertices); err != nil {
		t.Fatal(err)
	}
	t.Logf("enumerated in %v", time.Since(start))

	path := filepath.Join(folder, OfficialFile)
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go writeAll(w, runs)
	size, err := io.Copy(out, r)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	start = time.Now()
	if err := Import(cache, in); err != nil {
		t.Fatal(err)
	}
	t.Logf("imported %d bytes in %v", size, time.Since(start))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("heap memory obtained from the system, the test's own included: %d MiB", memory.HeapSys>>20)
	start = time.Now()
	s := New(cache)
	info, err := s.Open(t.Context(), map[string]string{"data": "official"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("opened in %v", time.Since(start))
	if info.Rows != nb101.NumModules {
		t.Errorf("%d rows, want %d", info.Rows, nb101.NumModules)
	}
}
