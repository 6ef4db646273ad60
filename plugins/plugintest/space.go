package plugintest

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// spaceRows is how many rows at either end of a space are checked.
const spaceRows = 5000

// Space checks the space that create returns: that Describe and Open are
// stable, that rows follow the vocabulary and are the same however they are
// asked for, that columns have a value a row, and that unknown options, rows
// and columns are refused.
func Space(t *testing.T, create func() plugins.Space, options ...Option) {
	s := newSettings(options)
	space := ServeSpace(t, create())
	first, err := space.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := space.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkDescriptions(t, first, second)
	info, err := space.Open(t.Context(), s.options)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}

	t.Run("open", func(t *testing.T) {
		again, err := ServeSpace(t, create()).Open(t.Context(), s.options)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(info, again) {
			t.Errorf("Open answers differently the second time:\n%+v\n%+v", info, again)
		}
		if _, err := ServeSpace(t, create()).Open(t.Context(), map[string]string{unknownOption: "1"}); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("Open with an unknown option returns %v, want an error that wraps plugins.ErrOption; see plugins.SetOptions", err)
		}
	})

	t.Run("rows", func(t *testing.T) {
		checkRows(t, space, &info, 0, min(info.Rows, spaceRows))
		if info.Rows > spaceRows {
			checkRows(t, space, &info, info.Rows-spaceRows, info.Rows)
		}
		direct := create()
		if _, err := direct.Open(t.Context(), s.options); err != nil {
			t.Fatal(err)
		}
		for _, bounds := range [][2]int{{-1, 1}, {2, 1}, {0, info.Rows + 1}} {
			if _, _, err := direct.Read(t.Context(), bounds[0], bounds[1]); !errors.Is(err, plugins.ErrInput) {
				t.Errorf("Read of rows %d to %d of %d returns %v, want an error that wraps plugins.ErrInput", bounds[0], bounds[1], info.Rows, err)
			}
		}
	})

	t.Run("columns", func(t *testing.T) {
		for _, c := range info.Columns {
			// The client refuses columns of another length, and infinite values.
			values, err := space.Column(t.Context(), c.Name)
			if err != nil {
				t.Errorf("Column %s: %v", c.Name, err)
				continue
			}
			if (c.Name == info.Label || c.Name == info.Target) && !slices.ContainsFunc(values, func(x float64) bool { return !math.IsNaN(x) }) {
				t.Errorf("column %s has no value in any row", c.Name)
			}
			if c.Split != "validation" && c.Split != "test" {
				t.Errorf("column %s was measured on %q, want validation or test", c.Name, c.Split)
			}
		}
		if _, err := space.Column(t.Context(), "no such column"); !errors.Is(err, plugins.ErrInput) {
			t.Errorf("Column of an unknown name returns %v, want an error that wraps plugins.ErrInput", err)
		}
	})
}

// checkRows reads rows lo to hi at once and in pieces.
func checkRows(t *testing.T, space plugins.Space, info *plugins.SpaceInfo, lo, hi int) {
	t.Helper()
	// The client refuses rows that do not follow the vocabulary.
	whole, ids, err := space.Read(t.Context(), lo, hi)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	const size = 999
	for at := lo; at < hi; at += size {
		end := min(at+size, hi)
		piece, pieceIDs, err := space.Read(t.Context(), at, end)
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		want := whole.Slice(at-lo, end-lo)
		if !slices.Equal(pieceIDs, ids[at-lo:end-lo]) || !reflect.DeepEqual(piece.Networks, want.Networks) || !sameBits(piece.Numbers, want.Numbers) {
			t.Fatalf("rows %d to %d are not the same when they are read again", at, end)
		}
	}
	for i, name := range info.Vocabulary.Numbers {
		column := 0
		for row := range whole.Len() {
			if x := whole.Row(row)[i]; math.IsInf(x, 0) {
				t.Errorf("number %s of row %d is %v", name, lo+row, x)
			} else if !math.IsNaN(x) {
				column++
			}
		}
		if column == 0 {
			t.Errorf("number %s is known of no row", name)
		}
	}
}
