// Package naslib reads the tables of zero-cost proxies that NASLib publishes
// (Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022) of spaces whose
// architectures are a short list of operation numbers: a zip archive of JSON
// lists.
package naslib

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Row is one architecture on one data set.
type Row struct {
	Ops []int // as its space numbers operations and orders them
	// Zen is the Zen score (Lin et al., Zen-NAS, ICCV 2021), NaN where it came
	// out as no finite number: NASLib then writes -1e8.
	Zen        float64
	Validation float64 // accuracy or another metric, as NASLib reads it from the space's own table
}

// noScore is what NASLib writes for a score that is NaN or infinite
// (class ZeroCost of naslib/predictors/zerocost.py).
const noScore = -1e8

// ParseName takes the name of an archive's entry apart, which is
// FOLDER/benchmark--SPACE--DATASET--OFFSET.json.
func ParseName(name string) (space, dataset string, err error) {
	base := name[strings.LastIndexByte(name, '/')+1:]
	parts := strings.Split(strings.TrimSuffix(base, ".json"), "--")
	if len(parts) != 4 || parts[0] != "benchmark" || !strings.HasSuffix(base, ".json") {
		return "", "", fmt.Errorf("its name is %q, want benchmark--SPACE--DATASET--OFFSET.json", base)
	}
	return parts[1], parts[2], nil
}

// ParseRows returns the rows of an entry, a JSON list. Each architecture has
// ops operations with numbers from 0 to below kinds. An error names the row
// and the byte.
func ParseRows(body []byte, ops, kinds int) ([]Row, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("byte 0: want a list: %w", orUnexpected(err))
	}
	var rows []Row
	for d.More() {
		row, err := decodeRow(d, ops, kinds)
		if err != nil {
			return nil, fmt.Errorf("row %d, before byte %d: %w", len(rows), d.InputOffset(), err)
		}
		rows = append(rows, row)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("byte %d: the list has no end: %w", d.InputOffset(), orUnexpected(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("byte %d: something follows the list", d.InputOffset())
	}
	return rows, nil
}

// orUnexpected returns err, or an error that says so where there is none.
func orUnexpected(err error) error {
	switch {
	case err == nil:
		return errors.New("something else is there")
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

func decodeRow(d *json.Decoder, ops, kinds int) (Row, error) {
	var raw struct {
		Arch string `json:"arch"`
		Zen  struct {
			Score *float64 `json:"score"`
		} `json:"zen"`
		Validation *float64 `json:"val_accuracy"`
	}
	if err := d.Decode(&raw); err != nil {
		return Row{}, err
	}
	if raw.Zen.Score == nil || raw.Validation == nil {
		return Row{}, fmt.Errorf("%s has no zen score or no val_accuracy", raw.Arch)
	}
	row := Row{Zen: *raw.Zen.Score, Validation: *raw.Validation}
	if row.Zen == noScore {
		row.Zen = math.NaN()
	}
	var err error
	row.Ops, err = parseArch(raw.Arch, ops, kinds)
	return row, err
}

// parseArch parses a Python tuple of small whole numbers, such as (1, 0, 2).
func parseArch(arch string, ops, kinds int) ([]int, error) {
	inner, ok1 := strings.CutPrefix(arch, "(")
	inner, ok2 := strings.CutSuffix(inner, ")")
	fields := strings.Split(inner, ",")
	if !ok1 || !ok2 || len(fields) != ops {
		return nil, fmt.Errorf("architecture %q, want a tuple of %d operations", arch, ops)
	}
	list := make([]int, ops)
	for i, field := range fields {
		op, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || op < 0 || op >= kinds {
			return nil, fmt.Errorf("architecture %q: operation %q, want 0 to %d", arch, field, kinds-1)
		}
		list[i] = op
	}
	return list, nil
}
