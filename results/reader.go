package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Run is what a folder holds.
type Run struct {
	Manifest *Manifest // nil where it is missing or can't be read; see Damage
	Records  []Record  // in the order in which they were written
	Damage   []Damage
}

// Damage is a part of a run that can't be read.
type Damage struct {
	File   string
	Line   int // from 1; 0 where it is the whole file
	Reason string
}

// String returns the damage as file, line and reason.
func (d Damage) String() string { return d.Place() + ": " + d.Reason }

// Place returns the file and, where the damage is one, the line.
func (d Damage) Place() string {
	if d.Line == 0 {
		return d.File
	}
	return fmt.Sprintf("%s:%d", d.File, d.Line)
}

// Read reads the run in dir: everything that can be read, and what can't as
// Damage. It returns an error only if dir holds no run.
func Read(dir string) (*Run, error) {
	path := filepath.Join(dir, recordsName)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no run: it has no %s", dir, recordsName)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	run := new(Run)
	run.Records, run.Damage, err = ReadRecords(f, path)
	if err != nil {
		return nil, err
	}
	run.Manifest, err = ReadManifest(dir)
	switch {
	case errors.Is(err, os.ErrNotExist) && len(run.Records) == 0: // a run that just begins
	case errors.Is(err, os.ErrNotExist):
		run.Damage = append(run.Damage, Damage{File: filepath.Join(dir, manifestName), Reason: "missing"})
	case err != nil:
		run.Damage = append(run.Damage, Damage{File: filepath.Join(dir, manifestName), Reason: err.Error()})
	}
	return run, nil
}

// ReadRecords reads records, one a line. A line that is no record of a form
// that this package knows, or that lacks its end, becomes Damage of the named
// file; the error is that of r.
func ReadRecords(r io.Reader, file string) ([]Record, []Damage, error) {
	var records []Record
	var damage []Damage
	b := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := b.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return records, damage, fmt.Errorf("read %s: %w", file, err)
		}
		if err != nil {
			if len(line) > 0 {
				damage = append(damage, Damage{file, n, "the line has no end; its trial must run again"})
			}
			return records, damage, nil
		}
		record, err := parseRecord(line)
		if err != nil {
			damage = append(damage, Damage{file, n, err.Error()})
			continue
		}
		records = append(records, *record)
	}
}

func parseRecord(line []byte) (*Record, error) {
	// The form first: what a newer one holds may not fit this Record.
	var form struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(line, &form); err != nil {
		return nil, fmt.Errorf("damaged record: %w", err)
	}
	if err := checkSchema(form.Schema); err != nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(line, r); err != nil {
		return nil, fmt.Errorf("damaged record: %w", err)
	}
	if !validKey(r.Key) {
		return nil, fmt.Errorf("damaged record: key %.80q is no SHA-256", r.Key)
	}
	if r.Budget < 1 || r.Split < 0 || r.Repeat < 0 {
		return nil, fmt.Errorf("damaged record: budget %d, split %d, repeat %d", r.Budget, r.Split, r.Repeat)
	}
	return r, nil
}

// validKey reports whether key is a SHA-256 in lower-case hexadecimal, and so
// safe in a file name.
func validKey(key string) bool {
	return len(key) == 64 && len(bytes.Trim([]byte(key), "0123456789abcdef")) == 0
}

// Latest returns the last record of each key, in the order of the first.
func Latest(records []Record) []Record {
	place := make(map[string]int, len(records))
	var latest []Record
	for _, r := range records {
		i, ok := place[r.Key]
		if !ok {
			i = len(latest)
			place[r.Key] = i
			latest = append(latest, r)
		}
		latest[i] = r
	}
	return slices.Clip(latest)
}
