package conform

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/hypernas/hypernas/plugins"
)

// Space is a search space at the other end of a connection.
type Space interface {
	plugins.Space
	// Unchecked returns the same space without the checks that its client makes
	// of what it is asked.
	Unchecked() plugins.Space
}

// spaceRows is how many rows at either end of a space are checked.
const spaceRows = 5000

// CheckSpace checks the search space that create starts, a fresh one each
// time, and reports each check as soon as it is done. It ends early where a
// space can't be opened. The error is as that of CheckPredictor.
func CheckSpace(ctx context.Context, create func(context.Context) (Space, func() error, error), s Settings, report func(Result)) (err error) {
	c := &spaceChecks{checks: checks{Settings: s, report: report}}
	defer func() { err = errors.Join(err, c.left) }()
	stop := func() {}
	defer func() { stop() }()
	if !c.run(ctx, "describe", "says what it is, and the same twice", func(r *Result) {
		space, end, ok := start(ctx, &c.checks, r, create)
		stop = end
		if ok {
			c.space = space
			describe(ctx, r, space)
		}
	}) {
		return ctx.Err()
	}
	c.run(ctx, "unopened", "Read and Column before Open are refused", func(r *Result) {
		_, _, err := c.space.Unchecked().Read(ctx, 0, 1)
		r.wantError("Read before Open", err, plugins.ErrNotFitted, "answer with ERROR_KIND_NOT_FITTED until an Open has succeeded")
		_, err = c.space.Unchecked().Column(ctx, "any")
		r.wantError("Column before Open", err, plugins.ErrNotFitted, "answer with ERROR_KIND_NOT_FITTED until an Open has succeeded")
	})
	if !c.run(ctx, "open", "says what it holds, and the same in another process", func(r *Result) { c.open(ctx, r, create) }) {
		return ctx.Err()
	}
	c.run(ctx, "rows", "rows follow the vocabulary and are the same however they are asked for", func(r *Result) {
		c.rows(ctx, r, 0, min(c.info.Rows, spaceRows))
		if c.info.Rows > spaceRows && len(r.Problems) == 0 {
			c.rows(ctx, r, max(spaceRows, c.info.Rows-spaceRows), c.info.Rows)
		}
	})
	c.run(ctx, "identities", "equal networks have equal identities, and not all networks have one", func(r *Result) { c.identities(ctx, r) })
	c.run(ctx, "bounds", "rows that are not there are refused, and none may be asked for", func(r *Result) {
		for _, bounds := range [][2]int{{-1, 1}, {2, 1}, {0, c.info.Rows + 1}} {
			_, _, err := c.space.Unchecked().Read(ctx, bounds[0], bounds[1])
			r.wantError(fmt.Sprintf("Read of rows %d to %d of %d", bounds[0], bounds[1], c.info.Rows), err, plugins.ErrInput, "answer with ERROR_KIND_INPUT unless 0 <= lo <= hi <= rows")
		}
		if _, _, err := c.space.Read(ctx, c.info.Rows, c.info.Rows); err != nil {
			r.problem("Read of no rows: %v", err)
		}
	})
	c.run(ctx, "options", "an option that it does not know is refused", func(r *Result) {
		space, stop, ok := start(ctx, &c.checks, r, create)
		defer stop()
		if !ok {
			return
		}
		_, err := space.Open(ctx, withUnknown(c.Options))
		r.wantError("Open with the option "+unknownOption, err, plugins.ErrOption, "in Go plugins.SetOptions does it, in other languages compare with the names in the description and answer with ERROR_KIND_OPTION")
	})
	c.run(ctx, "columns", "columns have a value a row, label and target some that are known", func(r *Result) { c.columns(ctx, r) })
	return ctx.Err()
}

type spaceChecks struct {
	checks
	space Space
	info  plugins.SpaceInfo
}

// open opens the space, and once more in another process.
func (c *spaceChecks) open(ctx context.Context, r *Result, create func(context.Context) (Space, func() error, error)) {
	var err error
	if c.info, err = c.space.Open(ctx, c.Options); err != nil {
		r.problem("Open: %v", err)
		return
	}
	other, stop, ok := start(ctx, &c.checks, r, create)
	defer stop()
	if !ok {
		return
	}
	again, err := other.Open(ctx, c.Options)
	if err != nil {
		r.problem("Open in another process: %v", err)
	} else if !reflect.DeepEqual(c.info, again) {
		r.problem("Open answers differently the second time; sum and iterate in a fixed order, and draw from a fixed seed:\n%+v\n%+v", c.info, again)
	}
}

// rows reads rows lo to hi at once and in pieces.
func (c *spaceChecks) rows(ctx context.Context, r *Result, lo, hi int) {
	// The client refuses rows that do not follow the vocabulary.
	whole, ids, err := c.space.Read(ctx, lo, hi)
	if err != nil {
		r.problem("Read: %v", err)
		return
	}
	pieces := [][2]int{{lo, lo}, {lo, lo + 1}, {hi - 1, hi}}
	const size = 999
	for at := lo; at < hi; at += size {
		pieces = append(pieces, [2]int{at, min(at+size, hi)})
	}
	for _, p := range pieces {
		piece, pieceIDs, err := c.space.Read(ctx, p[0], p[1])
		if err != nil {
			r.problem("Read of rows %d to %d: %v", p[0], p[1], err)
			return
		}
		want := whole.Slice(p[0]-lo, p[1]-lo)
		same := slices.Equal(pieceIDs, ids[p[0]-lo:p[1]-lo]) && sameBits(piece.Numbers, want.Numbers)
		for i := range want.Networks {
			same = same && reflect.DeepEqual(piece.Networks[i], want.Networks[i])
		}
		if !same {
			r.problem("rows %d to %d are not the same when they are read again", p[0], p[1])
			return
		}
	}
	for i, name := range c.info.Vocabulary.Numbers {
		known := 0
		for row := range whole.Len() {
			if x := whole.Row(row)[i]; math.IsInf(x, 0) {
				r.problem("number %s of row %d is %v; send NaN where it is not known", name, lo+row, x)
				break
			} else if !math.IsNaN(x) {
				known++
			}
		}
		if known == 0 {
			r.problem("number %s is known of no row; leave it out of the vocabulary", name)
		}
	}
}

// identities checks the first rows: two networks that are equal to the last
// attribute compute the same.
func (c *spaceChecks) identities(ctx context.Context, r *Result) {
	b, ids, err := c.space.Read(ctx, 0, min(c.info.Rows, spaceRows))
	if err != nil {
		r.problem("Read: %v", err)
		return
	}
	first := make(map[[sha256.Size]byte]int)
	distinct := make(map[plugins.Identity]bool)
	for row := range b.Networks {
		distinct[ids[row]] = true
		key := sha256.Sum256(fmt.Appendf(nil, "%+v", b.Networks[row]))
		if twin, ok := first[key]; !ok {
			first[key] = row
		} else if ids[twin] != ids[row] {
			r.problem("rows %d and %d are equal networks of different identities; make identities from what a network computes, not from its row", twin, row)
			return
		}
	}
	if len(distinct) == 1 && len(ids) > 1 {
		r.problem("all %d rows have one identity; rows that compute different functions need different ones", len(ids))
	}
}

// columns reads every column.
func (c *spaceChecks) columns(ctx context.Context, r *Result) {
	for _, column := range c.info.Columns {
		// The client refuses columns of another length, and infinite values.
		values, err := c.space.Column(ctx, column.Name)
		if err != nil {
			r.problem("Column %s: %v", column.Name, err)
			continue
		}
		if (column.Name == c.info.Label || column.Name == c.info.Target) && !slices.ContainsFunc(values, func(x float64) bool { return !math.IsNaN(x) }) {
			r.problem("column %s has no value in any row", column.Name)
		}
		if column.Split != "validation" && column.Split != "test" {
			r.problem("column %s was measured on %q, want validation or test", column.Name, column.Split)
		}
		again, err := c.space.Column(ctx, column.Name)
		if err == nil && !sameBits(values, again) {
			r.problem("column %s is not the same when it is read again", column.Name)
		}
	}
	_, err := c.space.Column(ctx, "no such column")
	r.wantError("Column of an unknown name", err, plugins.ErrInput, "answer with ERROR_KIND_INPUT")
}
