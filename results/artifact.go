package results

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hypernas/hypernas/internal/durable"
)

// artifactsName is the folder of what predictors learned without labels. It is
// a cache: nothing is lost with it but time.
const artifactsName = "pretrained"

// Artifact is what a predictor learned without labels.
type Artifact struct {
	Pretraining Pretraining     `json:"pretraining"`
	Cost        PretrainingCost `json:"cost"`
	Data        []byte          `json:"-"` // in the predictor's own form
}

// WriteArtifact keeps a under its key; it sets the hash of its data.
func (w *Writer) WriteArtifact(a *Artifact) error {
	key := a.Pretraining.Key
	if !validKey(key) {
		return fmt.Errorf("write artifact: key %q is no SHA-256", key)
	}
	a.Pretraining.SHA256 = sum(a.Data)
	about, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write artifact %s: %w", key, err)
	}
	dir := filepath.Join(w.dir, artifactsName)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write artifact %s: %w", key, err)
	}
	if err := durable.Write(filepath.Join(dir, key+".bin"), a.Data); err != nil {
		return fmt.Errorf("write artifact %s: %w", key, err)
	}
	if err := durable.Write(filepath.Join(dir, key+".json"), append(about, '\n')); err != nil {
		return fmt.Errorf("write artifact %s: %w", key, err)
	}
	return nil
}

// ReadArtifact returns what is kept under key, or nil where there is nothing
// that is whole.
func (w *Writer) ReadArtifact(key string) *Artifact {
	path := filepath.Join(w.dir, artifactsName, key)
	about, err := os.ReadFile(path + ".json")
	if err != nil {
		return nil
	}
	a := new(Artifact)
	if err := json.Unmarshal(about, a); err != nil || a.Pretraining.Key != key {
		return nil
	}
	if a.Data, err = os.ReadFile(path + ".bin"); err != nil || sum(a.Data) != a.Pretraining.SHA256 {
		return nil
	}
	return a
}
