package plugins

import (
	"context"
	"fmt"
	"strings"
)

// Space is a search space: rows of architectures with what was measured of
// them. The host calls Describe, then Open once, then the other methods, any
// number of times and from several goroutines.
type Space interface {
	// Describe says what the space is, without opening its data.
	Describe(ctx context.Context) (Description, error)
	// Open reads the space's data as the options choose. It returns an error
	// wrapping ErrOption for an option that it does not know or accept, and
	// ErrDataMissing where data has to be fetched first; that error's text
	// says how.
	Open(ctx context.Context, options map[string]string) (SpaceInfo, error)
	// Read returns the architectures of rows lo to hi without hi, and their
	// identities.
	Read(ctx context.Context, lo, hi int) (Batch, []Identity, error)
	// Column returns one value a row, NaN where it was not measured, oriented
	// so that larger is better.
	Column(ctx context.Context, name string) ([]float64, error)
}

// Identity names what an architecture computes: two rows of a space have the
// same identity if and only if they compute the same family of functions.
// Identities of different spaces are not comparable.
type Identity [16]byte

// Description is what a plugin says of itself before it is given any work.
type Description struct {
	Name    string   // as tables show it; lower case, no spaces
	Version int      // rises whenever results with equal options change
	Summary string   // one line
	Source  string   // the paper or file it follows
	Notes   []string // what differs from the source, and other things to know
	Options []Option // every option that it accepts
	// PredictsLabels says that a predictor's values are on the label's scale,
	// so that RMSE means something.
	PredictsLabels bool
	// UsesPool says that a predictor wants the unlabelled pool in Fit.
	UsesPool bool
	// Pretrains says that a predictor is a Pretrainer.
	Pretrains bool
}

// SpaceInfo is what an opened space says of itself.
type SpaceInfo struct {
	Rows       int
	Digest     string // SHA-256 (hexadecimal) of everything that rows and columns are made from
	Vocabulary Vocabulary
	Columns    []Column
	Label      string // name of the column that predictors train on
	Target     string // name of the column that they are scored on
	License    string
	Citation   string
	Notes      []string // what a reader of a table must know, such as that labels are a surrogate's
}

// Column describes one measured value of every architecture.
type Column struct {
	Name    string
	Summary string
	Unit    string // such as "%"
	Dataset string
	Split   string // "validation" or "test": the images it was measured on
	Runs    int    // training runs averaged in one value; 0 where that is not known
	Epochs  int    // of one run; 0 where that is not known
}

// ColumnNamed returns the column called name, or nil.
func (s *SpaceInfo) ColumnNamed(name string) *Column {
	for i := range s.Columns {
		if s.Columns[i].Name == name {
			return &s.Columns[i]
		}
	}
	return nil
}

// Validate returns an error unless d can stand in tables and records: a name
// of up to 64 lower-case letters, digits and ._+- and no version below 0.
func (d *Description) Validate() error {
	if d.Name == "" || len(d.Name) > 64 || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789._+-") != "" {
		return fmt.Errorf("name is %q, want up to 64 lower-case letters, digits and ._+-", d.Name)
	}
	if d.Version < 0 {
		return fmt.Errorf("version is %d", d.Version)
	}
	return nil
}

// Validate returns an error unless s describes a space that trials can run
// on.
func (s *SpaceInfo) Validate() error {
	if s.Rows < 1 {
		return fmt.Errorf("space has %d rows", s.Rows)
	}
	if len(s.Digest) != 64 || strings.Trim(s.Digest, "0123456789abcdef") != "" {
		return fmt.Errorf("digest is %q, want a SHA-256 in lower-case hexadecimal", s.Digest)
	}
	if err := s.Vocabulary.Validate(); err != nil {
		return err
	}
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Name == "" || s.ColumnNamed(c.Name) != c {
			return fmt.Errorf("column %q appears twice or has no name", c.Name)
		}
		if c.Runs < 0 || c.Epochs < 0 {
			return fmt.Errorf("column %q is of %d runs of %d epochs", c.Name, c.Runs, c.Epochs)
		}
	}
	for _, role := range []struct{ what, name string }{{"label", s.Label}, {"target", s.Target}} {
		if s.ColumnNamed(role.name) == nil {
			return fmt.Errorf("%s is %q, which is no column", role.what, role.name)
		}
	}
	return nil
}
