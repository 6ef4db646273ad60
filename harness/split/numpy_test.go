package split

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// golden is testdata/randomstate.json, which testdata/randomstate.py wrote
// (numpy 1.24).
type golden struct {
	NASBench101 struct {
		First  map[string][]int // by size: the first 20 rows
		SHA256 string           // of the rows of all sizes
	}
	Small []struct {
		Seed uint32
		Want []int
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/randomstate.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestPermutationEqualsNumpy(t *testing.T) {
	for _, tc := range readGolden(t).Small {
		if got := newMT19937(tc.Seed).permutation(len(tc.Want)); !slices.Equal(got, tc.Want) {
			t.Errorf("seed %d: got %v, want %v", tc.Seed, got, tc.Want)
		}
	}
}

// On a space of NAS-Bench-101's size, pinat draws the rows that its authors'
// script draws.
func TestPinatGoldenRowsEqualNumpy(t *testing.T) {
	want := readGolden(t).NASBench101
	ids := make([]plugins.Identity, nb101Rows)
	for i := range ids {
		binary.BigEndian.PutUint32(ids[i][:], uint32(i))
	}
	s, err := Draw(Request{Preset: "pinat"}, ids)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, budget := range []int{100, 172, 334, 860, 423, 424, 4236} {
		if err := s.Check(budget); err != nil {
			t.Fatal(err)
		}
		rows := s.Train(budget)
		if first := want.First[strconv.Itoa(budget)]; len(first) != 20 || !slices.Equal(rows[:20], first) {
			t.Errorf("budget %d: got %v, want %v", budget, rows[:20], first)
		}
		for _, row := range rows {
			h.Write(binary.LittleEndian.AppendUint32(nil, uint32(row)))
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
		t.Errorf("all rows: got %s, want %s", got, want.SHA256)
	}
	if got := len(s.Test(100)); got != nb101Rows {
		t.Errorf("got %d test rows, want all", got)
	}
	if got := s.Overlap(100); got != 100 {
		t.Errorf("overlap: got %d, want the 100 training rows", got)
	}
	if err := s.Check(101); err == nil || !strings.Contains(err.Error(), "no budget 101: there are 100, 172, 334, 423, 424, 860, 4236") {
		t.Errorf("got %v, want the budgets that there are", err)
	}
	if got := s.Warnings(); len(got) != 1 || !strings.Contains(got[0], "trained on, too") {
		t.Errorf("got warnings %q, want the one of training rows that are scored", got)
	}
	other, err := Draw(Request{Preset: "pinat", Number: 1}, ids)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(other.Train(100), s.Train(100)) {
		t.Error("split 1 has the rows of split 0")
	}
	if got := other.Warnings(); len(got) != 2 || !strings.Contains(got[0], "peer's own rows with seed 0 in split 0 alone") {
		t.Errorf("got warnings %q, want one that says whose rows these are", got)
	}
}
