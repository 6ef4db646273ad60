// Package rows holds the rows of a search space in memory: what every space
// whose table fits there has in common.
package rows

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hypernas/hypernas/plugins"
)

// Table is the rows of an opened space. A space that embeds it has
// plugins.Space's Read and Column.
type Table struct {
	// Network returns the architecture of a row. It is called from several
	// goroutines.
	Network func(row int) plugins.Network
	// Numbers holds what is known without training: a row of
	// len(Vocabulary.Numbers) for each architecture.
	Numbers    []float64
	Identities []plugins.Identity // one a row
	Columns    []Column
}

// Column is a column with its values, one a row.
type Column struct {
	plugins.Column
	Values []float64
}

// Read implements plugins.Space.
func (t *Table) Read(_ context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	n := len(t.Identities)
	if lo < 0 || lo > hi || hi > n {
		return plugins.Batch{}, nil, fmt.Errorf("%w: rows %d to %d of %d", plugins.ErrInput, lo, hi, n)
	}
	b := plugins.Batch{Networks: make([]plugins.Network, hi-lo)}
	for i := range b.Networks {
		b.Networks[i] = t.Network(lo + i)
	}
	if n > 0 {
		width := len(t.Numbers) / n
		b.Numbers = t.Numbers[lo*width : hi*width : hi*width]
	}
	return b, t.Identities[lo:hi:hi], nil
}

// Column implements plugins.Space.
func (t *Table) Column(_ context.Context, name string) ([]float64, error) {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		if names[i] = t.Columns[i].Name; names[i] == name {
			return t.Columns[i].Values, nil
		}
	}
	return nil, fmt.Errorf("%w: no column %q; there are %s", plugins.ErrInput, name, strings.Join(names, ", "))
}

// Described returns the columns without their values, for plugins.SpaceInfo.
func (t *Table) Described() []plugins.Column {
	columns := make([]plugins.Column, len(t.Columns))
	for i := range t.Columns {
		columns[i] = t.Columns[i].Column
	}
	return columns
}

// Digest returns the SHA-256 (hexadecimal) of what a space's rows and columns
// are made from: its name and version, the options that it was opened with,
// and the contents of its files.
func Digest(space string, version int, options any, contents ...[]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "hypernas %s v%d\n%+v\n", space, version, options)
	for _, c := range contents {
		sum := sha256.Sum256(c)
		fmt.Fprintf(h, "%x\n", sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}
