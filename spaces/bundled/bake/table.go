package bake

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/nn/lanes"
)

// Table is what a bake gives: how many pictures every training got right.
type Table struct {
	Manifest Manifest
	Cells    []int      // indices of NATS-Bench's order, ascending
	Results  [][]Result // [row][seed], seeds as in the manifest
}

// Validation returns the validation accuracy of a row and seed, in [0, 1].
func (t *Table) Validation(row, seed int) float64 {
	return float64(t.Results[row][seed].Validation) / float64(t.Manifest.Recipe.Validation)
}

// Test returns the test accuracy of a row and seed, in [0, 1].
func (t *Table) Test(row, seed int) float64 {
	return float64(t.Results[row][seed].Test) / float64(t.Manifest.Recipe.Test)
}

// Assemble reads the seeds of a folder that are complete over all its cells. The cells and the recipe are those that
// Run was given; nil means the defaults. It fails where no seed is complete.
func Assemble(o Options) (*Table, error) {
	o.Workers = max(o.Workers, 1)
	o, err := o.settle()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(o.Dir, manifestName))
	if err != nil {
		return nil, fmt.Errorf("assemble: %w", err)
	}
	t := new(Table)
	if err := json.Unmarshal(b, &t.Manifest); err != nil {
		return nil, fmt.Errorf("assemble %s: read %s: %w", o.Dir, manifestName, err)
	}
	if err := t.Manifest.check(*o.Recipe, arithmetic(o.Kernels), o.Cells); err != nil {
		return nil, fmt.Errorf("assemble %s: %w", o.Dir, err)
	}
	t.Cells = slices.Sorted(slices.Values(o.Cells))
	t.Results = make([][]Result, len(t.Cells))
	rows := make(map[int]int, len(t.Cells))
	for i, c := range t.Cells {
		rows[c] = i
	}
	var first error
	for seed := range o.Seeds {
		var all []shard
		var parts [][]Result
		for _, s := range o.shards() {
			if s.seed != uint64(seed) {
				continue
			}
			part, err := readShard(o.Dir, t.Manifest, s)
			if err != nil {
				first = err
				break
			}
			all, parts = append(all, s), append(parts, part)
		}
		if first != nil {
			break
		}
		for i, s := range all {
			for j, c := range s.cells {
				t.Results[rows[c]] = append(t.Results[rows[c]], parts[i][j])
			}
		}
		t.Manifest.Seeds = append(t.Manifest.Seeds, uint64(seed))
	}
	if len(t.Manifest.Seeds) == 0 {
		return nil, fmt.Errorf("assemble %s: no seed is complete: %w", o.Dir, first)
	}
	return t, nil
}

// Encode returns the manifest as JSON and the counts as gzipped CSV: a header, then a row for each cell with its index
// and validation and test counts seed by seed. The same table gives the same bytes.
func (t *Table) Encode() (manifest, counts []byte, err error) {
	manifest, err = json.MarshalIndent(t.Manifest, "", "  ")
	if err != nil {
		return nil, nil, fmt.Errorf("encode table: %w", err)
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, nil, fmt.Errorf("encode table: %w", err)
	}
	if _, err := io.WriteString(z, t.text()); err != nil {
		return nil, nil, fmt.Errorf("encode table: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, nil, fmt.Errorf("encode table: %w", err)
	}
	return append(manifest, '\n'), b.Bytes(), nil
}

func (t *Table) header() string {
	var h strings.Builder
	h.WriteString("cell")
	for _, s := range t.Manifest.Seeds {
		fmt.Fprintf(&h, ",validation%d,test%d", s, s)
	}
	return h.String()
}

func (t *Table) text() string {
	var b strings.Builder
	b.WriteString(t.header() + "\n")
	for i, c := range t.Cells {
		b.WriteString(strconv.Itoa(c))
		for _, r := range t.Results[i] {
			fmt.Fprintf(&b, ",%d,%d", r.Validation, r.Test)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Decode reads what Encode wrote. It checks the manifest's digest and every count's range.
func Decode(manifest, counts []byte) (*Table, error) {
	t := new(Table)
	if err := json.Unmarshal(manifest, &t.Manifest); err != nil {
		return nil, fmt.Errorf("decode table: manifest: %w", err)
	}
	d, err := t.Manifest.digest()
	if err != nil {
		return nil, fmt.Errorf("decode table: %w", err)
	}
	if d != t.Manifest.Digest {
		return nil, fmt.Errorf("decode table: the manifest was edited: its digest is %s, its contents' %s", t.Manifest.Digest, d)
	}
	z, err := gzip.NewReader(bytes.NewReader(counts))
	if err != nil {
		return nil, fmt.Errorf("decode table: %w", err)
	}
	// A row is under 200 bytes with sixteen seeds; the limit only keeps a broken file from filling the memory.
	text, err := io.ReadAll(io.LimitReader(z, 200*nb201.NumCells))
	if err != nil {
		return nil, fmt.Errorf("decode table: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if lines[0] != t.header() || len(lines) != t.Manifest.Cells+1 {
		return nil, fmt.Errorf("decode table: %d lines with header %q, want %d with %q", len(lines), lines[0], t.Manifest.Cells+1, t.header())
	}
	for i, line := range lines[1:] {
		if err := t.parseRow(line); err != nil {
			return nil, fmt.Errorf("decode table: line %d: %w", i+2, err)
		}
	}
	if cellDigest(shuffled(t.Cells)) != t.Manifest.CellDigest {
		return nil, errors.New("decode table: its cells are not those of the manifest")
	}
	return t, nil
}

func (t *Table) parseRow(line string) error {
	fields := strings.Split(line, ",")
	if len(fields) != 1+2*len(t.Manifest.Seeds) {
		return fmt.Errorf("%d columns, want %d", len(fields), 1+2*len(t.Manifest.Seeds))
	}
	v := make([]int, len(fields))
	for j, f := range fields {
		n, err := strconv.ParseUint(f, 10, 16)
		if err != nil {
			return err
		}
		v[j] = int(n)
	}
	if v[0] >= nb201.NumCells || len(t.Cells) > 0 && v[0] <= t.Cells[len(t.Cells)-1] {
		return fmt.Errorf("cell %d is out of order or range", v[0])
	}
	row := make([]Result, len(t.Manifest.Seeds))
	for s := range row {
		row[s] = Result{v[1+2*s], v[2+2*s]}
		if row[s].Validation > t.Manifest.Recipe.Validation || row[s].Test > t.Manifest.Recipe.Test {
			return fmt.Errorf("cell %d: counts %v are larger than the sets", v[0], row[s])
		}
	}
	t.Cells, t.Results = append(t.Cells, v[0]), append(t.Results, row)
	return nil
}

// Trainer returns a trainer that repeats the table's trainings. On kernels of the table's arithmetic it finds the same
// counts; Exact says whether these are.
func (t *Table) Trainer(k lanes.Kernels) (*Trainer, error) {
	skeleton, err := decodeFloats(t.Manifest.Skeleton, skeletonLen)
	if err != nil {
		return nil, err
	}
	return NewTrainer(t.Manifest.Recipe, k, skeleton), nil
}

// Exact says whether trainings on some kernels repeat the table's counts to the last one.
func (t *Table) Exact(k lanes.Kernels) bool { return t.Manifest.Arithmetic == arithmetic(k) }
