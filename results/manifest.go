package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Manifest is what a run's tables must know beside its records, so that they
// can be made where neither spaces nor predictors are present.
type Manifest struct {
	Schema     int             `json:"schema"`
	Version    string          `json:"version"` // of hypernas, of the last run
	Created    string          `json:"created"` // of the folder's first run, RFC 3339
	PlanDigest string          `json:"plan_digest"`
	Plan       json.RawMessage `json:"plan"` // the last run's, as harness.Plan encodes it
	// Environment is the last run's, without limits.
	Environment Environment `json:"environment"`
	// Spaces and Predictors describe those of every run in the folder.
	Spaces     []SpaceSummary     `json:"spaces"`
	Predictors []PredictorSummary `json:"predictors"`
}

// SpaceSummary describes a space as a run found it.
type SpaceSummary struct {
	SpaceRef
	Version    int      `json:"version"`
	Summary    string   `json:"summary"`
	Source     string   `json:"source,omitempty"`
	License    string   `json:"license,omitempty"`
	Citation   string   `json:"citation,omitempty"`
	Rows       int      `json:"rows"`
	Identities int      `json:"identities"` // distinct functions among the rows
	Excluded   int      `json:"excluded"`   // rows without label or target, which are never drawn
	Notes      []string `json:"notes,omitempty"`
	// LabelQuality is tau-b of label and target; nil where undefined.
	LabelQuality *float64 `json:"label_quality"`
	// Noise is the mean tau-b between single training runs, over NoiseRuns
	// runs that the space lists; nil where it lists fewer than two.
	Noise     *float64 `json:"noise"`
	NoiseRuns int      `json:"noise_runs,omitempty"`
	// Ceiling is the tau-b that a perfect predictor would reach; nil where
	// noise or TargetRuns isn't known.
	Ceiling    *float64 `json:"ceiling"`
	TargetRuns int      `json:"target_runs"` // training runs averaged in a target; 0 where not known
}

// PredictorSummary describes a predictor as a run found it.
type PredictorSummary struct {
	PredictorRef
	Version int      `json:"version"`
	Summary string   `json:"summary"`
	Source  string   `json:"source,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// ReadManifest reads the manifest of the run in dir.
func ReadManifest(dir string) (*Manifest, error) {
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("damaged manifest: %w", err)
	}
	if err := checkSchema(m.Schema); err != nil {
		return nil, err
	}
	return m, nil
}

// merge returns m with what old, the manifest of earlier runs in the folder,
// says of other spaces and predictors, and with its date.
func (m Manifest) merge(old *Manifest) Manifest {
	m.Created = old.Created
	m.Spaces = slices.Concat(m.Spaces, slices.DeleteFunc(slices.Clone(old.Spaces), func(o SpaceSummary) bool {
		return slices.ContainsFunc(m.Spaces, func(n SpaceSummary) bool {
			return n.Alias == o.Alias && n.Digest == o.Digest && n.Label == o.Label && n.Target == o.Target
		})
	}))
	m.Predictors = slices.Concat(m.Predictors, slices.DeleteFunc(slices.Clone(old.Predictors), func(o PredictorSummary) bool {
		return slices.ContainsFunc(m.Predictors, func(n PredictorSummary) bool {
			return n.Alias == o.Alias && n.Identity == o.Identity && maps.Equal(n.Options, o.Options)
		})
	}))
	return m
}

func checkSchema(schema int) error {
	switch {
	case schema < 1:
		return errors.New("it is none of hypernas's: it has no schema of 1 or more")
	case schema > SchemaVersion:
		return fmt.Errorf("record form %d is newer than %d, the newest this hypernas reads", schema, SchemaVersion)
	}
	return nil
}
