package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/hypernas/hypernas/internal/durable"
)

// Writer writes to a run's folder and holds it: no other Writer of it can be
// opened meanwhile. Its methods may be called from several goroutines.
type Writer struct {
	dir  string
	lock *durable.Lock

	mu      sync.Mutex
	records *os.File
	size    int64 // of records, a whole number of lines
}

// Open opens the run in dir, or begins one, and returns what it already
// holds. A last line that was cut short is removed, and is among the Damage.
//
// The error wraps ErrHeld if another run has the folder, and ErrFolder if it
// can't be written or holds something else; nothing was then changed.
func Open(dir string) (w *Writer, run *Run, err error) {
	if err := checkFolder(dir); err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	w = &Writer{dir: dir}
	w.lock, err = durable.TryLock(filepath.Join(dir, lockName))
	if errors.Is(err, durable.ErrLocked) {
		return nil, nil, fmt.Errorf("folder %s is %w (%w)", dir, ErrHeld, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if err := os.MkdirAll(filepath.Join(dir, predictionsName), 0o755); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if err := removeTemporary(dir); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	w.records, err = os.OpenFile(filepath.Join(dir, recordsName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	run, err = Read(dir)
	if err != nil {
		return nil, nil, err
	}
	if err := w.cutLastLine(); err != nil {
		return nil, nil, fmt.Errorf("repair %s: %w", w.records.Name(), err)
	}
	return w, run, nil
}

// cutLastLine removes what follows the last newline and notes the size.
func (w *Writer) cutLastLine() error {
	info, err := w.records.Stat()
	if err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	for w.size = info.Size(); w.size > 0; {
		from := max(0, w.size-int64(len(buffer)))
		block := buffer[:w.size-from]
		if _, err := w.records.ReadAt(block, from); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(block, '\n'); i >= 0 {
			w.size = from + int64(i) + 1
			break
		}
		w.size = from
	}
	if w.size == info.Size() {
		return nil
	}
	if err := w.records.Truncate(w.size); err != nil {
		return err
	}
	return w.records.Sync()
}

// Append writes r and returns once it is on disk. After an error the folder
// holds what it held before.
func (w *Writer) Append(r *Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("append record %s: %w", r.Key, err)
	}
	line = append(line, '\n')
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.records.Write(line)
	if err == nil {
		err = w.records.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("append record %s: %w", r.Key, err), w.records.Truncate(w.size))
	}
	w.size += int64(len(line))
	return nil
}

// WritePredictions writes the raw predictions of the trial with that key, in
// place of those that are there, and returns what its record says of them.
func (w *Writer) WritePredictions(key string, p *Predictions) (*FileRef, error) {
	if !validKey(key) {
		return nil, fmt.Errorf("write predictions: key %q is no SHA-256", key)
	}
	data, err := p.encode()
	if err != nil {
		return nil, fmt.Errorf("write predictions %s: %w", key, err)
	}
	name := key + ".npy"
	if err := durable.Write(filepath.Join(w.dir, predictionsName, name), data); err != nil {
		return nil, fmt.Errorf("write predictions %s: %w", key, err)
	}
	return &FileRef{Path: predictionsName + "/" + name, SHA256: sum(data)}, nil
}

// WriteManifest writes m; what earlier runs in the folder said of spaces and
// predictors that m does not have is kept, and the first run's date.
func (w *Writer) WriteManifest(m *Manifest) error {
	merged := *m
	merged.Schema = SchemaVersion
	// An unreadable manifest is replaced: records are what counts.
	if old, err := ReadManifest(w.dir); err == nil {
		merged = merged.merge(old)
	}
	data, err := json.MarshalIndent(merged, "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := durable.Write(filepath.Join(w.dir, manifestName), append(data, '\n')); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// Close lets the folder go.
func (w *Writer) Close() error {
	var err error
	if w.records != nil {
		err = w.records.Close()
	}
	return errors.Join(err, w.lock.Release())
}
