package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// What a data file may hold at most. All of it is in memory once, and a row's
// architecture takes some kilobytes: the 423,624 cells of NAS-Bench-101 are
// within reach, and a table beyond that wants a space of its own.
const (
	maxData  = 256 << 20 // bytes
	maxRows  = 1_000_000
	maxNames = 10_000 // of columns
	maxDepth = 32     // of objects and lists in a JSON file
)

// record is a row of a data file.
type record struct {
	place  string // for errors: "line 7" of a CSV file, "row 3" of a JSON file
	values map[string]any
	parsed map[string]string // what formats cut out of values
	others map[string]bool   // columns that other rows of a JSON file have, empty in this one
}

// valueError is an error of a value, as "line 7, column val: …".
func (r *record) valueError(c *ref, format string, args ...any) error {
	return fmt.Errorf("%s, column %s: %w", r.place, c.name, fmt.Errorf(format, args...))
}

// missing says that a row has no such column, and which it has.
func (r *record) missing(c *ref) error {
	names := func(yield func(string) bool) {
		for name := range r.values {
			if !yield(name) {
				return
			}
		}
		for name := range r.others {
			if !yield(name) {
				return
			}
		}
	}
	return fmt.Errorf("%s: there is no column %q; there are %s", r.place, c.name, list(slices.Compact(slices.Sorted(names))))
}

// list joins names for an error, the first few of many.
func list(names []string) string {
	const most = 40
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// value returns what the row has at c: nil, a string, bool, json.Number or
// list. An element beyond the end of a list is nil, as an empty value is.
func (r *record) value(c *ref) (any, error) {
	if v, ok := r.parsed[c.name]; ok {
		return v, nil
	}
	if v, ok := r.values[c.name]; ok {
		return v, nil
	}
	if r.others[c.name] {
		return nil, nil
	}
	v, ok := r.values[c.base]
	if !ok && !r.others[c.base] {
		return nil, r.missing(c)
	}
	for _, i := range c.index {
		list, err := r.list(c, v)
		if err != nil || i >= len(list) {
			return nil, err
		}
		v = list[i]
	}
	return v, nil
}

// list returns v as a list; in a CSV file it is written as in JSON.
func (r *record) list(c *ref, v any) ([]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	case string:
		if strings.TrimSpace(v) == "" {
			return nil, nil
		}
		d := decoder{json.NewDecoder(strings.NewReader(v))}
		d.UseNumber()
		parsed, err := d.value(nil, 0)
		if list, ok := parsed.([]any); ok && err == nil && d.end() == nil {
			return list, nil
		}
		return nil, r.valueError(c, "%q is no list; write one as in [1, 2] or [\"a\", \"b\"]", shorten(v))
	}
	return nil, r.valueError(c, "%v is no list", v)
}

// text returns a single value as text, without the space around it; "" is an
// empty one.
func (r *record) text(c *ref) (string, error) {
	v, err := r.value(c)
	if err != nil {
		return "", err
	}
	s, ok := scalarText(v)
	if !ok {
		return "", r.valueError(c, "it holds a list; name one element, as in %s[0]", c.name)
	}
	return s, nil
}

// scalarText returns a value of a file as text, unless it is a list.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// number returns a value as a finite number, NaN where it is empty or says
// that it is none.
func (r *record) number(c *ref) (float64, error) {
	s, err := r.text(c)
	if err != nil {
		return 0, err
	}
	switch strings.ToLower(s) {
	case "", "nan", "na", "null", "none":
		return math.NaN(), nil
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	x, err := strconv.ParseFloat(s, 64)
	switch {
	case math.IsInf(x, 0):
		return 0, r.valueError(c, "%s is infinite; leave it empty where there is no value", shorten(s))
	case err != nil:
		return 0, r.valueError(c, "%q is no number; leave it empty where there is no value", shorten(s))
	}
	return x, nil
}

// shorten cuts a text to what fits an error.
func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// parse fills in the columns that formats cut out of others.
func (r *record) parse(formats []format) error {
	clear(r.parsed)
	for i := range formats {
		f := &formats[i]
		s, err := r.text(&f.column)
		if err != nil {
			return err
		}
		for _, name := range f.names {
			if _, twice := r.values[name]; twice {
				return fmt.Errorf("%s: %q is a column of the data and one that parse makes of %s; give it another name in parse", r.place, name, f.column.name)
			}
		}
		if err := f.cut(s, func(name, value string) { r.parsed[name] = value }); err != nil {
			return r.valueError(&f.column, "%w", err)
		}
	}
	return nil
}

// readRecords calls f with every row of a data file in turn; the record is
// valid during the call alone. Whether the file is CSV or JSON shows in how it
// begins.
func readRecords(data []byte, formats []format, f func(*record) error) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	rows := 0
	each := func(r *record) error {
		if rows++; rows > maxRows {
			return fmt.Errorf("%s: there are more than %d rows", r.place, maxRows)
		}
		if err := r.parse(formats); err != nil {
			return err
		}
		return f(r)
	}
	read := readCSV
	if begin := bytes.TrimLeft(data, " \t\r\n"); len(begin) > 0 && (begin[0] == '[' || begin[0] == '{') {
		read = readJSON
	}
	if err := read(data, each); err != nil {
		return err
	}
	if rows == 0 {
		return errors.New("it holds no rows")
	}
	return nil
}

func readCSV(data []byte, f func(*record) error) error {
	c := csv.NewReader(bytes.NewReader(data))
	c.ReuseRecord = true
	fields, err := c.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("it is empty; the first line must name the columns")
	} else if err != nil {
		return csvError(err, 0)
	}
	if len(fields) > maxNames {
		return fmt.Errorf("line 1: there are %d columns, and may be %d", len(fields), maxNames)
	}
	header := make([]string, len(fields))
	seen := make(map[string]bool, len(fields))
	for i, name := range fields {
		name = strings.TrimSpace(name)
		if seen[name] {
			return fmt.Errorf("line 1: two columns are called %q; give each a name of its own", name)
		}
		header[i], seen[name] = name, true
	}
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
		return errors.New("line 1: the columns must be separated by commas")
	}
	r := record{values: make(map[string]any, len(header)), parsed: make(map[string]string)}
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return csvError(err, len(header))
		}
		line, _ := c.FieldPos(0)
		r.place = "line " + strconv.Itoa(line)
		for i, name := range header {
			r.values[name] = fields[i]
		}
		if err := f(&r); err != nil {
			return err
		}
	}
}

// csvError says where a CSV file is broken; want is how many columns it has.
func csvError(err error, want int) error {
	p, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("line %d: the number of values is not %d, as in the header; a value with a comma in it stands in quotes", p.StartLine, want)
	}
	return fmt.Errorf("line %d, byte %d: %w", p.Line, p.Column, p.Err)
}

// decoder reads JSON piece by piece.
type decoder struct{ *json.Decoder }

// errDepth is returned for JSON that nests too deeply.
var errDepth = fmt.Errorf("it nests more than %d deep", maxDepth)

// value reads a value and returns it if it is none, a single one or a list.
// The fields of an object are handed to set instead, under the names of their
// objects, joined by dots; nil refuses objects.
func (d *decoder) value(set func(name string, v any) error, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errDepth
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := d.value(nil, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		if set == nil {
			return nil, errors.New("a list holds an object; lists may hold single values and lists")
		}
		return object{}, d.fields(set, depth)
	}
	return token, nil
}

// object stands for an object whose fields were handed on.
type object struct{}

// fields reads the rest of an object.
func (d *decoder) fields(set func(name string, v any) error, depth int) error {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		v, err := d.value(func(inner string, v any) error { return set(name+"."+inner, v) }, depth+1)
		if err != nil {
			return err
		}
		if v == any(object{}) {
			continue
		}
		if err := set(name, v); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// end returns an error unless nothing follows.
func (d *decoder) end() error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end of the rows")
	}
	return nil
}

// keyColumn holds what names a row in a JSON file that is an object of rows.
const keyColumn = "key"

// readJSON reads a list of objects, or an object of objects. A column that any
// row has is empty in the others, wherever they stand.
func readJSON(data []byte, f func(*record) error) error {
	columns := make(map[string]bool)
	err := scanJSON(data, func(r *record) error {
		for name := range r.values {
			columns[name] = true
		}
		if len(columns) > maxNames {
			return fmt.Errorf("%s: there are more than %d columns", r.place, maxNames)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return scanJSON(data, func(r *record) error {
		r.others = columns
		return f(r)
	})
}

// scanJSON hands over the rows of a JSON file as they stand there.
func scanJSON(data []byte, f func(*record) error) error {
	d := &decoder{json.NewDecoder(bytes.NewReader(data))}
	d.UseNumber()
	line, counted := 1, 0
	// at is where the decoder is, for errors.
	at := func() string {
		offset := min(int(d.InputOffset()), len(data))
		line += bytes.Count(data[counted:offset], []byte("\n"))
		counted = offset
		return fmt.Sprintf("line %d", line)
	}
	begin, err := d.Token()
	if err != nil {
		return fmt.Errorf("%s: %w", at(), err)
	}
	r := record{values: make(map[string]any), parsed: make(map[string]string)}
	keys := make(map[string]bool)
	for row := 1; d.More(); row++ {
		r.place = "row " + strconv.Itoa(row)
		clear(r.values)
		key := ""
		if begin == json.Delim('{') {
			token, err := d.Token()
			if err != nil {
				return fmt.Errorf("%s, %s: %w", at(), r.place, err)
			}
			key, _ = token.(string)
			r.place += fmt.Sprintf(" (%s)", shorten(key))
			if keys[key] {
				return fmt.Errorf("%s, %s: the key appears twice", at(), r.place)
			}
			keys[key] = true
		}
		v, err := d.value(func(name string, v any) error {
			if _, twice := r.values[name]; twice {
				return fmt.Errorf("column %q appears twice", name)
			}
			r.values[name] = v
			return nil
		}, 0)
		if err == nil && v != any(object{}) {
			err = errors.New("a row must be an object of columns and values")
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("%s, %s: %w", at(), r.place, err)
		}
		if _, own := r.values[keyColumn]; !own && begin == json.Delim('{') {
			r.values[keyColumn] = key
		}
		if err := f(&r); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("%s: %w", at(), err)
	}
	if err := d.end(); err != nil {
		return fmt.Errorf("%s: %w", at(), err)
	}
	return nil
}
