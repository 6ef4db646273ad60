package results

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hypernas/hypernas/internal/durable"
)

// Names of the files in a run's folder.
const (
	recordsName     = "records.jsonl"
	predictionsName = "predictions"
	manifestName    = "manifest.json"
	lockName        = "run.lock"
)

var (
	// ErrFolder is wrapped by errors of a folder that cannot hold a run: it
	// can't be written, or it holds other things.
	ErrFolder = errors.New("unusable output folder")
	// ErrHeld is wrapped by errors of a folder that another run writes to.
	ErrHeld = errors.New("in use by another run")
)

// removeTemporary removes what a killed run had begun to write.
func removeTemporary(dir string) error {
	for _, pattern := range []string{
		filepath.Join(dir, predictionsName, "*.npy*"+durable.Temporary),
		filepath.Join(dir, manifestName+"*"+durable.Temporary),
	} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFolder returns an error wrapping ErrFolder if dir exists and is
// neither empty nor a run's folder.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	for _, e := range entries {
		// A manifest.json says nothing: other programs write files of that name.
		if e.Name() == recordsName || e.Name() == lockName {
			return nil
		}
	}
	if len(entries) > 0 {
		return fmt.Errorf("%w: %s is not empty and holds no run; name a new folder", ErrFolder, dir)
	}
	return nil
}
