package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/rows"
)

// Version rises whenever networks, identities or values of the same files
// change.
const Version = 1

// options are what a user may choose.
type options struct {
	File   string `option:"file" doc:"the YAML file that describes the table; needed"`
	Label  string `option:"label" doc:"the column that predictors train on, in place of the file's"`
	Target string `option:"target" doc:"the column that they are scored on, in place of the file's"`
}

// Space is a user's own table.
type Space struct{ rows.Table }

var _ plugins.Space = (*Space)(nil)

// New returns the space, not yet opened.
func New() *Space { return &Space{} }

// Describe implements plugins.Space.
func (s *Space) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "table",
		Version: Version,
		Summary: "your own CSV or JSON file, described by a short YAML file",
		Source:  "the user's file",
		Notes: []string{
			"docs/table.md tells how to write the YAML file, with an example of a chain and one of a cell.",
			"The file's path alone does for a name: --space ./mine.yaml is --space mine=table:file=mine.yaml.",
		},
		Options: plugins.DescribeOptions(options{}),
	}, nil
}

// Open implements plugins.Space. Errors of the two files wrap
// plugins.ErrInput.
func (s *Space) Open(ctx context.Context, given map[string]string) (plugins.SpaceInfo, error) {
	var o options
	if err := plugins.SetOptions(&o, given); err != nil {
		return plugins.SpaceInfo{}, err
	}
	if o.File == "" {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: file is not given; name the YAML file that describes the table, as in table:file=mine.yaml", plugins.ErrOption)
	}
	text, err := readFile(o.File, maxDescription)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: %w", plugins.ErrInput, err)
	}
	d, err := parseDescription(text)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: %s: %w", plugins.ErrInput, filepath.Base(o.File), err)
	}
	for _, role := range []struct {
		option, given string
		dst           *string
	}{{"label", o.Label, &d.label}, {"target", o.Target, &d.target}} {
		if role.given == "" {
			continue
		}
		if d.column(role.given) == nil {
			return plugins.SpaceInfo{}, fmt.Errorf("%w: %s=%s; it takes %s", plugins.ErrOption, role.option, role.given, d.columnNames())
		}
		*role.dst = role.given
	}
	if err := d.checkNumbers(); err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: %s: %w", plugins.ErrInput, filepath.Base(o.File), err)
	}
	path := filepath.FromSlash(d.data)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(o.File), path)
	}
	data, err := readFile(path, maxData)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: %w", plugins.ErrInput, err)
	}
	if s.Table, err = d.read(ctx, data); err != nil {
		if ctx.Err() != nil {
			return plugins.SpaceInfo{}, ctx.Err()
		}
		return plugins.SpaceInfo{}, fmt.Errorf("%w: %s: %w", plugins.ErrInput, filepath.Base(path), err)
	}
	info := plugins.SpaceInfo{
		Rows: len(s.Identities),
		// Which column is label and which target changes neither rows nor columns.
		Digest:     rows.Digest("table", Version, struct{}{}, text, data),
		Vocabulary: d.vocabulary,
		Columns:    s.Described(),
		Label:      d.label,
		Target:     d.target,
		License:    d.license,
		Citation:   d.citation,
		Notes:      d.notes,
	}
	if d.name != "" {
		info.Notes = append([]string{"Name of the table: " + d.name + "."}, d.notes...)
	}
	return info, nil
}

// readFile returns the contents of a regular file of at most the given size.
func readFile(path string, most int64) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes, and may have %d", path, info.Size(), most)
	}
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s grew beyond the %d bytes that it may have", path, most)
	}
	return data, err
}

// checkEvery is the number of rows between two looks at the context.
const checkEvery = 1024

// read returns the rows of the data.
func (d *description) read(ctx context.Context, data []byte) (rows.Table, error) {
	t := rows.Table{Columns: make([]rows.Column, len(d.columns))}
	for i := range d.columns {
		t.Columns[i].Column = d.columns[i].Column
	}
	var networks []plugins.Network
	var id dag.Identifier
	err := readRecords(data, d.formats, func(r *record) error {
		if len(networks)%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := d.network(r)
		if err != nil {
			return err
		}
		identity, err := d.identify(&id, &n)
		if err != nil {
			return fmt.Errorf("%s: %w", r.place, err)
		}
		networks = append(networks, n)
		t.Identities = append(t.Identities, identity)
		for i := range d.numbers {
			x, err := d.numbers[i].in(r)
			if err != nil {
				return err
			}
			t.Numbers = append(t.Numbers, x)
		}
		for i := range d.columns {
			x, err := d.columns[i].in(r)
			if err != nil {
				return err
			}
			t.Columns[i].Values = append(t.Columns[i].Values, x)
		}
		return nil
	})
	if err != nil {
		return t, err
	}
	t.Network = func(row int) plugins.Network { return networks[row] }
	for i, name := range d.vocabulary.Numbers {
		if !known(len(networks), func(row int) float64 { return t.Numbers[row*len(d.numbers)+i] }) {
			return t, fmt.Errorf("column %s: no row has a value, so it can't be the number %s; leave that out", d.numbers[i].column.name, name)
		}
	}
	for i := range t.Columns {
		if name := t.Columns[i].Name; name == d.label || name == d.target {
			if !known(len(networks), func(row int) float64 { return t.Columns[i].Values[row] }) {
				return t, fmt.Errorf("column %s: no row has a value, so it can be neither label nor target", d.columns[i].column.name)
			}
		}
	}
	return t, nil
}

// known reports whether some row has a value.
func known(rows int, value func(row int) float64) bool {
	for row := range rows {
		if !math.IsNaN(value(row)) {
			return true
		}
	}
	return false
}

// in returns the quantity of a row, NaN where it is empty.
func (q *quantity) in(r *record) (float64, error) {
	x, err := r.number(&q.column)
	if err != nil {
		return 0, err
	}
	if x *= q.scale; math.IsInf(x, 0) {
		return 0, r.valueError(&q.column, "times the scale of %v it is infinite", q.scale)
	}
	return x, nil
}
