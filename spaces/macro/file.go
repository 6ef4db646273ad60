package macro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// numRuns is how often each architecture was trained.
const numRuns = 3

// trained is an entry of the file.
type trained struct {
	arch Arch
	runs [numRuns]float64 // test accuracies, %
}

// mean returns the mean of the runs.
func (t *trained) mean() float64 { return (t.runs[0] + t.runs[1] + t.runs[2]) / numRuns }

// readFile reads nas-bench-macro_cifar10.json: an object with an entry for
// each architecture. It returns them in ascending order of their strings,
// 00000000 first; the file's own order means nothing. The file's mean,
// parameters and FLOPs must be those that follow from the runs and the
// architecture. An error names the architecture that it is about.
func readFile(data []byte) ([]trained, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.Join(errors.New("want an object of architectures"), err)
	}
	var list []trained
	seen := map[Arch]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // keys of objects are strings
		t, err := readTrained(decoder, key)
		if err == nil && seen[t.arch] {
			err = errors.New("is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d (%.40q): %w", len(list), key, err)
		}
		seen[t.arch] = true
		list = append(list, t)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("no architectures")
	}
	slices.SortFunc(list, func(a, b trained) int { return slices.Compare(a.arch[:], b.arch[:]) })
	return list, nil
}

// readTrained reads the entry of an architecture.
func readTrained(decoder *json.Decoder, key string) (trained, error) {
	var entry struct {
		TestAcc []float64 `json:"test_acc"`
		MeanAcc float64   `json:"mean_acc"`
		Params  int       `json:"params"`
		FLOPs   int       `json:"flops"`
	}
	if err := decoder.Decode(&entry); err != nil {
		return trained{}, err
	}
	a, err := Parse(key)
	if err != nil {
		return trained{}, err
	}
	t := trained{arch: a}
	if copy(t.runs[:], entry.TestAcc) != len(entry.TestAcc) || len(entry.TestAcc) != numRuns {
		return trained{}, fmt.Errorf("%d accuracies in test_acc, want %d", len(entry.TestAcc), numRuns)
	}
	for i, x := range t.runs {
		if x < 0 || x > 100 {
			return trained{}, fmt.Errorf("test_acc[%d] is %v, want a percentage", i, x)
		}
	}
	// The mean was computed in float64, in an order that may differ.
	if mean := t.mean(); math.Abs(mean-entry.MeanAcc) > 1e-9 {
		return trained{}, fmt.Errorf("mean_acc is %v, the mean of test_acc %v", entry.MeanAcc, mean)
	}
	if params, flops := a.cost(); params != entry.Params || flops != entry.FLOPs {
		return trained{}, fmt.Errorf("%d params and %d flops, but the architecture has %d and %d", entry.Params, entry.FLOPs, params, flops)
	}
	return t, nil
}
