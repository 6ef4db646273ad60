package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hypernas/hypernas/harness/split"
)

// ErrPlan is wrapped by errors of a plan that cannot be run; nothing was
// written then.
var ErrPlan = errors.New("invalid plan")

// What a predictor that asks for unlabelled architectures is given.
const (
	PoolAll     = "all"     // every architecture of the space (transductive)
	PoolNonTest = "nontest" // those that compute nothing that a test row computes (inductive)
	PoolNone    = "none"    // none at all
)

// Plan says what to run. Everything but Limits determines results.
type Plan struct {
	Spaces     []Ref  `json:"spaces"`
	Predictors []Ref  `json:"predictors"`
	Budgets    []int  `json:"budgets"` // labels handed to Fit
	Splits     int    `json:"splits"`  // how many; 0 means as many as the preset has
	Seed       uint64 `json:"seed"`
	Seeds      int    `json:"seeds"` // predictor seeds on each split; 0 means as many as the preset has
	Preset     string `json:"preset"`
	Test       int    `json:"test"` // test rows; 0 means as many as the preset has
	Pool       string `json:"pool"` // PoolAll, PoolNonTest or PoolNone
	Limits     Limits `json:"-"`    // every record says which limits held
	// SplitFile names a file of splits that stand for those that the preset
	// would draw; UseSplits takes what it holds. Empty: the preset draws.
	SplitFile   string `json:"-"`
	SplitSHA256 string `json:"split_sha256,omitempty"` // of those splits; see split.File.Sum

	splits *split.File // of SplitFile
}

// Limits bounds what one trial may take; 0 means no limit.
type Limits struct {
	Start   time.Duration // launching the process, and its description
	Fit     time.Duration // and pretraining
	Predict time.Duration // all blocks of test rows together
	Memory  Bytes         // resident set of the process tree; the launcher's work
}

// DefaultPlan returns what holds where a plan says nothing: the preset clean,
// as many splits and seeds as the preset has (10 x 1), the pool of all
// architectures, and limits that a predictor on a laptop stays within.
func DefaultPlan() Plan {
	return Plan{
		Preset: split.Default, Pool: PoolAll,
		Limits: Limits{Start: 10 * time.Second, Fit: 30 * time.Minute, Predict: 10 * time.Minute, Memory: 4 << 30},
	}
}

// Validate returns an error, wrapping ErrPlan, that names the first mistake
// that can be seen without opening a space. It gives a plan without splits or
// seeds the preset's, and spaces and predictors without an alias theirs, paths
// excepted: see NameRefs.
func (p *Plan) Validate() error {
	if err := p.validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return nil
}

func (p *Plan) validate() error {
	for _, list := range []struct {
		what string
		refs []Ref
	}{{"space", p.Spaces}, {"predictor", p.Predictors}} {
		if len(list.refs) == 0 {
			return fmt.Errorf("no %ss: name at least one %s", list.what, list.what)
		}
		seen := make(map[string]bool)
		for i := range list.refs {
			r := &list.refs[i]
			if err := r.complete(); err != nil {
				return fmt.Errorf("%s: %w", list.what, err)
			}
			if seen[r.Alias] {
				return fmt.Errorf("two %ss are called %q: give one an alias, as in other=%s", list.what, r.Alias, r.Name)
			}
			seen[r.Alias] = r.Alias != "" // a path without one is named later
			for j := range i {
				if other := &list.refs[j]; other.Name == r.Name && maps.Equal(other.Options, r.Options) {
					return fmt.Errorf("%s and %s are the same %s twice", other.Title(), r.Title(), list.what)
				}
			}
		}
	}
	if p.Limits.Start < 0 || p.Limits.Fit < 0 || p.Limits.Predict < 0 || p.Limits.Memory < 0 {
		return errors.New("a limit is negative")
	}
	return p.validateSplits()
}

// validateSplits is validate for what splits depend on.
func (p *Plan) validateSplits() error {
	if len(p.Budgets) == 0 {
		return errors.New("no budgets: give at least one number of labels, such as 50")
	}
	seen := make(map[int]bool)
	for _, b := range p.Budgets {
		if b < 2 {
			return fmt.Errorf("budget %d is too small: a predictor needs at least 2 labels", b)
		}
		if seen[b] {
			return fmt.Errorf("budget %d appears twice", b)
		}
		seen[b] = true
	}
	preset, err := split.Lookup(p.Preset)
	if err != nil {
		return err
	}
	if err := p.validateSplitFile(); err != nil {
		return err
	}
	if p.Splits == 0 {
		p.Splits = preset.Splits
		if p.splits != nil {
			p.Splits = len(p.splits.Splits)
		}
	}
	if p.Seeds == 0 {
		p.Seeds = preset.Seeds
	}
	most := preset.MaxSplits()
	if p.splits != nil {
		most = len(p.splits.Splits)
	}
	switch {
	case p.Splits < 1:
		return fmt.Errorf("%d splits: there must be at least 1", p.Splits)
	case most > 0 && p.Splits > most:
		return fmt.Errorf("%d splits: there is no more than %d; repeats are seeds", p.Splits, most)
	case p.Seeds < 1:
		return fmt.Errorf("%d seeds: there must be at least 1 a split", p.Seeds)
	case p.Test < 0 || p.Test == 1:
		return fmt.Errorf("%d test rows: give at least 2, or 0 for as many as the preset has", p.Test)
	case p.Pool != PoolAll && p.Pool != PoolNonTest && p.Pool != PoolNone:
		return fmt.Errorf("unknown pool %q: choose %s, %s or %s", p.Pool, PoolAll, PoolNonTest, PoolNone)
	case p.Pool == PoolNonTest && preset.TestsTraining():
		return fmt.Errorf("pool %s does not go with preset %s, which scores training rows, too", PoolNonTest, p.Preset)
	case p.Pool == PoolNonTest && !preset.TestStays(p.Test):
		return fmt.Errorf("pool %s needs a number of test rows: without it only training rows lie outside the test set", PoolNonTest)
	}
	return nil
}

// validateSplitFile returns an error unless the splits of a file, where there
// are any, are those of the plan's preset.
func (p *Plan) validateSplitFile() error {
	f := p.splits
	switch {
	case f == nil && p.SplitFile != "":
		return fmt.Errorf("the splits of %s have not been read", p.SplitFile)
	case f == nil:
		return nil
	case len(p.Spaces) > 1:
		return fmt.Errorf("the splits of %s are of one space: give that alone", p.SplitFile)
	case f.Preset != p.Preset:
		return fmt.Errorf("the splits of %s are of preset %s, not %s: give --preset %s", p.SplitFile, f.Preset, p.Preset, f.Preset)
	case f.Test != p.Test:
		return fmt.Errorf("the splits of %s are of --test %d, not %d: give --test %d", p.SplitFile, f.Test, p.Test, f.Test)
	}
	return nil
}

// UseSplits makes the plan use the splits that a file, of which data is all,
// holds; name is the file's. The error, which wraps ErrPlan, says where in it
// the mistake is.
func (p *Plan) UseSplits(name string, data []byte) error {
	f, err := split.ParseFile(name, data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	p.SplitFile, p.SplitSHA256, p.splits = name, f.SHA256, f
	return nil
}

// Digest returns the SHA-256 (hexadecimal) of what determines results: of the
// plan as JSON, without derived aliases. So it tells what was asked for,
// whatever the plugins say of themselves: it is the same before NameRefs and
// after.
func (p *Plan) Digest() string {
	q := *p
	q.Spaces, q.Predictors = askedOf(p.Spaces), askedOf(p.Predictors)
	data, err := json.Marshal(&q)
	if err != nil {
		panic("harness: a plan has no JSON form")
	}
	sum := sha256.Sum256(append([]byte("hypernas plan v1\n"), data...))
	return hex.EncodeToString(sum[:])
}

// askedOf returns Ref.asked of each.
func askedOf(refs []Ref) []Ref {
	if refs == nil {
		return nil
	}
	list := make([]Ref, len(refs))
	for i, r := range refs {
		list[i] = r.asked()
	}
	return list
}

// Bytes is an amount of memory. It is a flag's value.
type Bytes int64

type unit struct {
	suffix string
	bytes  int64
}

// units are what an amount can end with, the largest first.
func units() []unit {
	return []unit{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"B", 1},
		{"", 1},
	}
}

// Set reads an amount such as 4GiB, 500MB or 0.
func (b *Bytes) Set(s string) error {
	for _, u := range units() {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			break
		}
		*b = Bytes(n * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is no amount of memory such as 4GiB or 500MB", s)
}

// String returns what Set reads, in the largest unit that keeps it whole.
func (b *Bytes) String() string {
	for _, u := range units() {
		if n := int64(*b); n != 0 && n%u.bytes == 0 && u.suffix != "" {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return "0"
}

// Type names the kind of value in a command's help.
func (b *Bytes) Type() string { return "bytes" }
