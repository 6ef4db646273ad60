package split

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/hypernas/hypernas/plugins"
)

// FileVersion is the version of the form of a File.
const FileVersion = 1

// File is splits of one space, written out so that others can use the very
// same rows, whatever draws them. Rows are those of the space, from 0.
type File struct {
	Version int         `json:"hypernas_splits"` // FileVersion
	Space   string      `json:"space"`           // the space's digest
	Preset  string      `json:"preset"`
	Seed    uint64      `json:"seed"`
	Test    int         `json:"test"` // as asked for; 0 means as many as the preset has
	Splits  []FileSplit `json:"splits"`
	SHA256  string      `json:"sha256"` // what Sum returns
}

// FileSplit is one split of a File.
type FileSplit struct {
	Number int   `json:"number"`
	Sets   []Set `json:"sets"`
}

// Set is the rows of one budget, in the order in which they are handed out.
type Set struct {
	Budget int   `json:"budget"`
	Train  []int `json:"train"`
	// Test may be left out of a file where it is that of the set before.
	Test []int `json:"test,omitempty"`
}

// Set returns the rows of a budget that Check accepts, as rows of the space;
// rows are those of the space behind the rows that were drawn from.
func (s *Split) Set(budget int, rows []int) Set {
	of := func(drawn []int) []int {
		list := make([]int, len(drawn))
		for k, row := range drawn {
			list[k] = rows[row]
		}
		return list
	}
	return Set{Budget: budget, Train: of(s.Train(budget)), Test: of(s.Test(budget))}
}

// Sum returns the SHA-256 (hexadecimal) of the text
//
//	hypernas splits v1
//	space DIGEST
//	preset NAME
//	seed N
//	test N
//
// and, for each set of each split, the lines
//
//	split N budget N
//	train ROW ROW…
//	test ROW ROW…
//
// all lines ending in a newline, every set with its test rows.
func (f *File) Sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "hypernas splits v1\nspace %s\npreset %s\nseed %d\ntest %d\n", f.Space, f.Preset, f.Seed, f.Test)
	var line []byte
	for _, s := range f.Splits {
		for _, set := range s.Sets {
			line = fmt.Appendf(line[:0], "split %d budget %d\ntrain", s.Number, set.Budget)
			line = appendRows(line, set.Train)
			line = append(line, "\ntest"...)
			line = append(appendRows(line, set.Test), '\n')
			h.Write(line)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func appendRows(line []byte, rows []int) []byte {
	for _, row := range rows {
		line = strconv.AppendInt(append(line, ' '), int64(row), 10)
	}
	return line
}

// Write writes f as JSON, a line a set, with its sum.
func (f *File) Write(w io.Writer) error {
	var b bytes.Buffer
	space, err := json.Marshal(f.Space)
	if err != nil {
		return err
	}
	preset, err := json.Marshal(f.Preset)
	if err != nil {
		return err
	}
	fmt.Fprintf(&b, "{\n\"hypernas_splits\": %d,\n\"space\": %s,\n\"preset\": %s,\n\"seed\": %d,\n\"test\": %d,\n\"sha256\": \"%s\",\n\"splits\": [",
		FileVersion, space, preset, f.Seed, f.Test, f.Sum())
	for i, s := range f.Splits {
		fmt.Fprintf(&b, "%s\n{\"number\": %d, \"sets\": [", comma(i), s.Number)
		for k, set := range s.Sets {
			if k > 0 && slices.Equal(set.Test, s.Sets[k-1].Test) {
				set.Test = nil
			}
			text, err := json.Marshal(set)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s\n%s", comma(k), text)
		}
		b.WriteString("\n]}")
	}
	b.WriteString("\n]\n}\n")
	_, err = w.Write(b.Bytes())
	return err
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// ParseFile reads what Write writes; name is the file's, for errors, which
// say where in it the mistake is. Splits stand in ascending order of their
// numbers and begin at 0, sets have different budgets.
func ParseFile(name string, data []byte) (*File, error) {
	f := new(File)
	if err := f.parse(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *File) parse(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(f); err != nil {
		at := d.InputOffset()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
		} else if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			at = mismatch.Offset
		} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("it ends too early, or is empty")
		}
		return fmt.Errorf("line %d: %w", 1+bytes.Count(data[:min(int(at), len(data))], []byte("\n")), err)
	}
	if len(bytes.TrimSpace(data[d.InputOffset():])) > 0 {
		return errors.New("something follows the splits")
	}
	switch {
	case f.Version < 1:
		return errors.New("it holds no splits of hypernas")
	case f.Version > FileVersion:
		return fmt.Errorf("form %d is newer than %d, the newest this hypernas reads", f.Version, FileVersion)
	case len(f.Splits) == 0:
		return errors.New("it holds no split")
	}
	for i, s := range f.Splits {
		if s.Number != i {
			return fmt.Errorf("split %d stands where split %d should", s.Number, i)
		}
		if len(s.Sets) == 0 {
			return fmt.Errorf("split %d: it has no budget", s.Number)
		}
		seen := make(map[int]bool)
		for k := range s.Sets {
			set := &s.Sets[k]
			if set.Test == nil && k > 0 {
				set.Test = s.Sets[k-1].Test
			}
			if err := set.check(); err != nil {
				return fmt.Errorf("split %d, budget %d: %w", s.Number, set.Budget, err)
			}
			if seen[set.Budget] {
				return fmt.Errorf("split %d: budget %d appears twice", s.Number, set.Budget)
			}
			seen[set.Budget] = true
		}
	}
	if sum := f.Sum(); f.SHA256 != sum {
		return fmt.Errorf("its SHA-256 is %s, and it says %q: rows were changed after it was written", sum, f.SHA256)
	}
	return nil
}

func (s *Set) check() error {
	if s.Budget < 2 || len(s.Train) != s.Budget || len(s.Test) < 2 {
		return fmt.Errorf("%d rows to train on and %d to test on", len(s.Train), len(s.Test))
	}
	for _, list := range []struct {
		what string
		rows []int
	}{{"train", s.Train}, {"test", s.Test}} {
		seen := make(map[int]bool, len(list.rows))
		for k, row := range list.rows {
			if row < 0 || seen[row] {
				return fmt.Errorf("%s row %d: %d is negative or stands there already", list.what, k, row)
			}
			seen[row] = true
		}
	}
	return nil
}

// common returns a row that stands in both lists.
func common(a, b []int) (row int, ok bool) {
	in := make(map[int]bool, len(a))
	for _, row := range a {
		in[row] = true
	}
	for _, row := range b {
		if in[row] {
			return row, true
		}
	}
	return 0, false
}

// Split returns the split with that number of the space with that digest.
// rows are the space's rows that have a label and a target, identities
// theirs; the split's own rows are indices of these. The error says which
// split, budget and row the space can't follow.
func (f *File) Split(number int, digest string, rows []int, identities []plugins.Identity) (*Split, error) {
	p, err := Lookup(f.Preset)
	if err != nil {
		return nil, err
	}
	if digest != f.Space {
		return nil, fmt.Errorf("the splits are of another space, or of other data: its digest is %s, theirs %s", digest, f.Space)
	}
	if number >= len(f.Splits) {
		return nil, fmt.Errorf("there are %d splits, and no split %d", len(f.Splits), number)
	}
	index := make(map[int]int, len(rows))
	for i, row := range rows {
		index[row] = i
	}
	s := &Split{
		request: Request{Preset: f.Preset, Seed: f.Seed, Number: number, Test: f.Test},
		preset:  p, identities: identities, unit: p.merge.String(), shared: true, sets: make(map[int]Set),
		notes: []string{"splits are those of a file with SHA-256 " + f.SHA256},
	}
	var leaks bool
	for _, from := range f.Splits[number].Sets {
		of := func(what string, list []int) []int {
			to := make([]int, len(list))
			for k, row := range list {
				i, ok := index[row]
				if !ok && err == nil {
					err = fmt.Errorf("split %d, budget %d: %s row %d: the space has no row %d with a label and a target", number, from.Budget, what, k, row)
				}
				to[k] = i
			}
			return to
		}
		set := Set{Budget: from.Budget, Train: of("train", from.Train), Test: of("test", from.Test)}
		s.sets[set.Budget] = set
		if err != nil {
			return nil, err
		}
		leaks = leaks || s.Overlap(set.Budget) > 0
		if row, both := common(from.Train, from.Test); both && !p.TestsTraining() {
			return nil, fmt.Errorf("split %d, budget %d: row %d is both trained and tested on, which preset %s never does", number, from.Budget, row, p.Name)
		}
	}
	s.shared = leaks
	return s, nil
}
