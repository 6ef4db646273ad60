package results

// SchemaVersion is the version of the record form that this package writes.
// It rises when a reader of the older form would misread the newer one.
const SchemaVersion = 1

// Record is the outcome of one trial: one fit and its predictions in one
// fresh process. All but Cost is determined by the plan, the data and the
// build.
type Record struct {
	Schema int    `json:"schema"`
	Key    string `json:"key"` // SHA-256 (hexadecimal) of the trial's key; see harness.Trial

	Space     SpaceRef     `json:"space"`
	Predictor PredictorRef `json:"predictor"`
	Preset    string       `json:"preset"`
	Test      int          `json:"test,omitempty"` // as asked for; 0 means all
	Pool      string       `json:"pool"`           // "all", "nontest" or "none"
	Budget    int          `json:"budget"`         // labels handed to Fit
	Split     int          `json:"split"`          // number of the split, from 0
	Repeat    int          `json:"repeat"`         // number of the predictor's seed on that split, from 0
	Seed      uint64       `json:"seed"`           // the plan's
	// SplitSHA256 is of the file that the splits are from; it is empty where
	// the preset drew them.
	SplitSHA256 string `json:"split_sha256,omitempty"`

	TrainRows int `json:"train_rows"`
	TestRows  int `json:"test_rows"`
	// Overlap counts the test rows whose identity is also one of a training
	// row.
	Overlap int `json:"overlap"`

	Failure *Failure `json:"failure,omitempty"` // nil where the trial succeeded
	// Pretraining is what the predictor started from; nil where there was none.
	Pretraining *Pretraining `json:"pretraining,omitempty"`
	// Metrics by name, such as kendall_tau; an undefined metric is absent.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	// Predictions names the file beside the records that holds the raw
	// predictions, and its SHA-256.
	Predictions *FileRef `json:"predictions,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`

	Environment Environment `json:"environment"`
	Cost        Cost        `json:"cost"`
}

// SpaceRef says which space, opened how, a trial ran on.
type SpaceRef struct {
	Alias   string            `json:"alias"` // as tables show it
	Name    string            `json:"name"`
	Options map[string]string `json:"options,omitempty"`
	Digest  string            `json:"digest"`
	Label   string            `json:"label"`
	Target  string            `json:"target"`
}

// PredictorRef says which predictor, with which options, a trial ran.
type PredictorRef struct {
	Alias string `json:"alias"` // as tables show it
	// AliasDerived says that no user gave the alias: it is made of what the
	// predictor is called and its options. Records of versions that did not
	// keep this don't say so.
	AliasDerived bool              `json:"alias_derived,omitempty"`
	Name         string            `json:"name"`
	Options      map[string]string `json:"options,omitempty"`
	// Identity is "builtin:NAME@VERSION" or "sha256:HEX" of an external
	// plugin's file.
	Identity string `json:"identity"`
	// PredictsLabels says that RMSE and MAE mean something.
	PredictsLabels bool `json:"predicts_labels,omitempty"`
	// UsesPool says that the predictor asks for unlabelled architectures.
	UsesPool bool `json:"uses_pool,omitempty"`
	// Pretrains says that the predictor learns from unlabelled architectures
	// beforehand.
	Pretrains bool `json:"pretrains,omitempty"`
}

// SeesUnlabelled says that the predictor learns from unlabelled architectures
// where the protocol allows it.
func (p *PredictorRef) SeesUnlabelled() bool { return p.UsesPool || p.Pretrains }

// Pretraining says what a predictor learned without labels, once for all trials
// that share its key.
type Pretraining struct {
	Key    string `json:"key"`    // SHA-256 (hexadecimal) of what determines it; see harness.Pretraining
	Rows   int    `json:"rows"`   // unlabelled architectures
	SHA256 string `json:"sha256"` // of the artifact
	// Limits lists the limits and protections that held in the process that
	// learned it, as Environment.Limits does for the trial's own. Records of
	// versions that did not keep them have none.
	Limits []string `json:"limits,omitempty"`
}

// Failure says why a trial has no metrics.
type Failure struct {
	Stage  string `json:"stage"`  // "pretrain", "start", "fit", "predict" or "score"
	Reason string `json:"reason"` // one line
	Log    string `json:"log,omitempty"`
	// Unsupported says that the predictor itself declared that it can't serve
	// this space: nothing went wrong.
	Unsupported bool `json:"unsupported,omitempty"`
}

// Status says how the trial ended: "ok", "failed" or "not supported".
func (r *Record) Status() string {
	switch {
	case r.Failure == nil:
		return "ok"
	case r.Failure.Unsupported:
		return "not supported"
	default:
		return "failed"
	}
}

// FileRef names a file beside the records.
type FileRef struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Environment says what a trial ran on.
type Environment struct {
	GOOS    string `json:"goos"`
	GOARCH  string `json:"goarch"`
	Kernels string `json:"kernels"` // "avx512", "avx2" or "portable"
	Binary  string `json:"binary"`  // SHA-256 (hexadecimal) of the hypernas executable
	// Limits lists the limits and protections that really held, such as
	// "fit timeout 30m0s" or "memory 4 GiB".
	Limits []string `json:"limits"`
}

// Cost is what a trial took: measured, and so outside the promise that equal
// plans give equal bytes.
type Cost struct {
	Started        string  `json:"started"` // RFC 3339
	StartSeconds   float64 `json:"start_seconds"`
	FitSeconds     float64 `json:"fit_seconds"`
	PredictSeconds float64 `json:"predict_seconds"`
	CPUSeconds     float64 `json:"cpu_seconds"`  // user and system, of the process tree
	MemoryBytes    int64   `json:"memory_bytes"` // peak resident set
	// Pretraining is of the pretraining, in a process of its own. Trials that
	// share one each give the whole of it.
	Pretraining *PretrainingCost `json:"pretraining,omitempty"`
	// Left says what of the trial's processes could not be ended or removed,
	// such as a scratch folder, one line each.
	Left []string `json:"left,omitempty"`
}

// PretrainingCost is what a pretraining took.
type PretrainingCost struct {
	Seconds     float64 `json:"seconds"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	MemoryBytes int64   `json:"memory_bytes"`
}
