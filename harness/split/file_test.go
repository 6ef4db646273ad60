package split_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/harness/split"
)

const digest = "8d6b"

// file returns the splits of a preset on 100 of 103 rows; the others have no
// label.
func file(t *testing.T, preset string, test int) (*split.File, []int) {
	t.Helper()
	var rows []int
	for row := range 103 {
		if row%40 != 7 {
			rows = append(rows, row)
		}
	}
	f := &split.File{Version: split.FileVersion, Space: digest, Preset: preset, Seed: 3, Test: test}
	for number := range 2 {
		s := draw(t, split.Request{Preset: preset, Seed: 3, Number: number, Test: test}, identities(100, 2))
		f.Splits = append(f.Splits, split.FileSplit{Number: number, Sets: []split.Set{s.Set(5, rows), s.Set(20, rows)}})
	}
	f.SHA256 = f.Sum()
	return f, rows
}

func text(t *testing.T, f *split.File) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAFileHasTheSplitsThatWereDrawn(t *testing.T) {
	for _, tc := range []struct {
		preset string
		test   int
	}{{"clean", 0}, {"uniform", 10}, {"pinat", 0}} {
		want, rows := file(t, tc.preset, tc.test)
		got, err := split.ParseFile("f", []byte(text(t, want)))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %+v, want %+v", tc.preset, got, want)
		}
		ids := identities(100, 2)
		for number := range 2 {
			s, err := got.Split(number, digest, rows, ids)
			if err != nil {
				t.Fatal(err)
			}
			drawn := draw(t, split.Request{Preset: tc.preset, Seed: 3, Number: number, Test: tc.test}, ids)
			for _, budget := range []int{5, 20} {
				if err := s.Check(budget); err != nil {
					t.Error(err)
				}
				if !slices.Equal(s.Train(budget), drawn.Train(budget)) || !slices.Equal(s.Test(budget), drawn.Test(budget)) {
					t.Errorf("%s, split %d, budget %d: the file has other rows than the preset", tc.preset, number, budget)
				}
				if s.Overlap(budget) != drawn.Overlap(budget) {
					t.Errorf("%s: overlap: got %d, want %d", tc.preset, s.Overlap(budget), drawn.Overlap(budget))
				}
			}
			if err := s.Check(6); err == nil || !strings.Contains(err.Error(), "no budget 6: there are 5, 20") {
				t.Errorf("got %v, want the budgets", err)
			}
			if !slices.Contains(s.Warnings(), "splits are those of a file with SHA-256 "+want.SHA256) {
				t.Errorf("got warnings %q, want the file's hash", s.Warnings())
			}
			if tc.test > 0 && !slices.Equal(s.Pool(true), drawn.Pool(true)) {
				t.Errorf("%s: the inductive pool differs", tc.preset)
			}
		}
	}
}

func TestFileErrorsNameThePlace(t *testing.T) {
	f, rows := file(t, "uniform", 10)
	whole := text(t, f)
	first := f.Splits[0].Sets[0].Train
	for name, tc := range map[string]struct{ from, to, want string }{
		"changed row":  {`"train":[`, `"train":[102,`, "split 0, budget 5: 6 rows to train on"},
		"twice":        {`"number": 1`, `"number": 0`, "split 0 stands where split 1 should"},
		"form":         {`"hypernas_splits": 1`, `"hypernas_splits": 2`, "form 2 is newer than 1"},
		"no form":      {`"hypernas_splits": 1`, `"splitz": 1`, "no splits of hypernas"},
		"seed":         {`"seed": 3`, `"seed": 4`, "rows were changed"},
		"type":         {`"seed": 3`, `"seed": "x"`, "line 5"},
		"syntax":       {`"test": 10`, `"test": ,`, "line 6"},
		"cut":          {whole[len(whole)/2:], "", "ends too early"},
		"empty":        {whole, "", "empty"},
		"something":    {"]\n}\n", "]\n}\nx", "something follows"},
		"digest":       {f.SHA256, "00", `it says "00"`},
		"one test row": {`"test":[`, `"test":[1],"x":[`, "1 to test on"},
	} {
		_, err := split.ParseFile("dir/f.json", []byte(strings.Replace(whole, tc.from, tc.to, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), "dir/f.json: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	ids := identities(100, 2)
	if _, err := f.Split(0, "00", rows, ids); err == nil || !strings.Contains(err.Error(), "another space") {
		t.Errorf("got %v, want an error of the space", err)
	}
	if _, err := f.Split(2, digest, rows, ids); err == nil || !strings.Contains(err.Error(), "2 splits") {
		t.Errorf("got %v, want an error of the number", err)
	}
	rows[slices.Index(rows, first[2])] = 1000
	if _, err := f.Split(0, digest, rows, ids); err == nil || !strings.Contains(err.Error(), "split 0, budget 5: train row 2: the space has no row") {
		t.Errorf("got %v, want the row", err)
	}
}

// Whatever a file holds, it is splits or one line that says why not.
func FuzzParseFile(f *testing.F) {
	f.Add([]byte(`{"hypernas_splits":1,"splits":[{"sets":[{"budget":2,"train":[0,1],"test":[2,3]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := split.ParseFile("f", data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q", err)
			}
			return
		}
		var b bytes.Buffer
		if err := got.Write(&b); err != nil {
			t.Fatal(err)
		}
		if again, err := split.ParseFile("f", b.Bytes()); err != nil || again.SHA256 != got.SHA256 {
			t.Errorf("written again: %v", err)
		}
	})
}
