package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/internal/durable"
)

// Merge makes one run of the runs in dirs, in the folder out, which must not
// exist or be empty. It appears there whole or not at all.
//
// A trial that several runs have is kept once: a success rather than one that
// was not supported, that rather than a failure, else the first run's. Two successes must be equal but for cost,
// environment and the names that each run gave to space and predictor; the
// error names a trial that is not. Its records say which build made each.
// Raw predictions are copied where a run has them. The manifest is that of
// the run that began last, with the spaces and predictors of all.
//
// A run of which anything can't be read is an error.
func Merge(ctx context.Context, out string, dirs ...string) (err error) {
	if err := checkEmpty(out); err != nil {
		return err
	}
	m := merger{place: make(map[string]int)}
	for _, dir := range dirs {
		if err := m.add(dir); err != nil {
			return err
		}
	}
	parent := filepath.Dir(filepath.Clean(out))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	beside, err := os.MkdirTemp(parent, filepath.Base(out)+".*.tmp")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(beside))
		}
	}()
	if err := os.Chmod(beside, 0o755); err != nil { // MkdirTemp's is for its user alone
		return err
	}
	if err := m.write(ctx, beside); err != nil {
		return err
	}
	if err := os.Rename(beside, out); err != nil {
		return err
	}
	return durable.SyncFolder(parent)
}

// checkEmpty returns an error wrapping ErrFolder if dir exists and holds
// anything.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrFolder, err)
	case len(entries) > 0:
		return fmt.Errorf("%w: %s is not empty; name a new folder", ErrFolder, dir)
	}
	return nil
}

// merger gathers what runs hold.
type merger struct {
	manifests []*Manifest
	trials    []kept
	place     map[string]int // of a key in trials
}

// kept is a record, and the runs that may have its predictions.
type kept struct {
	record Record
	dirs   []string
}

// add reads the run in dir.
func (m *merger) add(dir string) error {
	run, err := Read(dir)
	if err != nil {
		return err
	}
	if len(run.Damage) > 0 {
		texts := make([]string, len(run.Damage))
		for i, d := range run.Damage {
			texts[i] = d.String()
		}
		return fmt.Errorf("%s is damaged: %s", dir, strings.Join(texts, "; "))
	}
	if run.Manifest != nil {
		m.manifests = append(m.manifests, run.Manifest)
	}
	for _, r := range Latest(run.Records) {
		i, ok := m.place[r.Key]
		if !ok {
			m.place[r.Key] = len(m.trials)
			m.trials = append(m.trials, kept{r, []string{dir}})
			continue
		}
		have := &m.trials[i]
		switch rank := r.rank() - have.record.rank(); {
		case rank > 0:
			*have = kept{r, []string{dir}}
		case rank < 0 || r.Failure != nil:
		case !reflect.DeepEqual(determined(have.record), determined(r)):
			return fmt.Errorf("trial %s (%s on %s, budget %d, split %d) has another result in %s than in %s",
				r.Key, r.Predictor.Alias, r.Space.Alias, r.Budget, r.Split, dir, have.dirs[0])
		default:
			have.dirs = append(have.dirs, dir)
		}
	}
	return nil
}

// rank orders records of one trial by how much they say, whichever run is first.
func (r *Record) rank() int {
	switch {
	case r.Failure == nil:
		return 2
	case r.Failure.Unsupported:
		return 1
	default:
		return 0
	}
}

// determined returns what plan and data determine of a record. What a space
// and predictor are called, and a space's options, say where they lay; keys
// hold what they are.
func determined(r Record) Record {
	r.Cost, r.Environment = Cost{}, Environment{}
	r.Space.Alias, r.Space.Name, r.Space.Options = "", "", nil
	r.Predictor.Alias, r.Predictor.AliasDerived, r.Predictor.Name = "", false, ""
	return r
}

// write writes everything to a new folder.
func (m *merger) write(ctx context.Context, dir string) (err error) {
	w, _, err := Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	// The writer keeps what manifests before it say of spaces and predictors.
	slices.SortStableFunc(m.manifests, func(a, b *Manifest) int { return strings.Compare(a.Created, b.Created) })
	for _, manifest := range m.manifests {
		if err := w.WriteManifest(manifest); err != nil {
			return err
		}
	}
	for i := range m.trials {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyPredictions(w, &m.trials[i]); err != nil {
			return err
		}
		line, err := json.Marshal(&m.trials[i].record)
		if err != nil {
			return err
		}
		if _, err := w.records.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return w.records.Sync()
}

// copyPredictions copies the raw predictions of a trial from the first run
// that has them, if there is one.
func copyPredictions(w *Writer, k *kept) error {
	if k.record.Predictions == nil {
		return nil
	}
	for _, dir := range k.dirs {
		p, err := ReadPredictions(dir, *k.record.Predictions)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		k.record.Predictions, err = w.WritePredictions(k.record.Key, p)
		return err
	}
	return nil
}
