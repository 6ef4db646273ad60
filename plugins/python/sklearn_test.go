package python_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
)

// inProcess is examples/gbdt.py's model without hypernas: features written out
// from lists of operations, and scikit-learn called directly.
const inProcess = `
import json, sys
import numpy as np
from sklearn.ensemble import GradientBoostingRegressor

d = json.load(sys.stdin)
nodes = max(len(ops) for ops in d["train"])

def features(rows):
    x = np.zeros((len(rows), (nodes + 1) * d["ops"]))
    for row, ops in enumerate(rows):
        for place, op in enumerate(ops):
            if place < nodes:
                x[row, place * d["ops"] + op] = 1
            x[row, nodes * d["ops"] + op] += 1
    return x

seed = int(d["seed"])
model = GradientBoostingRegressor(n_estimators=50, max_depth=3, learning_rate=0.1, subsample=0.8, random_state=(seed ^ seed >> 32) & 0xFFFFFFFF)
model.fit(features(d["train"]), d["labels"])
print("\n".join(float(v).hex() for v in model.predict(features(d["test"]))))
`

// TestBoostingPredictsWhatScikitLearnDoes compares predictions over the process
// boundary with those of the same model called in a process of its own, to the
// bit.
func TestBoostingPredictsWhatScikitLearnDoes(t *testing.T) {
	python := interpreter(t, "sklearn")
	training, test, _ := plugintest.Deal(t, 60)
	training.Options = map[string]string{"trees": "50"}
	training.Seed = 0x0123_4567_89ab_cdef
	p := predictors(t, script(t, python, "gbdt.py"))()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	got, err := p.Predict(t.Context(), &test)
	if err != nil {
		t.Fatal(err)
	}

	operations := func(b *plugins.Batch) [][]int {
		rows := make([][]int, b.Len())
		for i := range rows {
			n := &b.Networks[i]
			rows[i] = n.Join(&training.Vocabulary, n.Searched()).Ops
		}
		return rows
	}
	input, err := json.Marshal(map[string]any{
		"ops": len(training.Vocabulary.Ops), "train": operations(&training.Batch), "test": operations(&test),
		"labels": training.Labels, "seed": strconv.FormatUint(training.Seed, 10),
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", inProcess)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != len(got) {
		t.Fatalf("got %d predictions, scikit-learn makes %d", len(got), len(lines))
	}
	for i, line := range lines {
		if want, err := strconv.ParseFloat(line, 64); err != nil || got[i] != want {
			t.Errorf("row %d: got %v, want %v (%v)", i, got[i], want, err)
		}
	}
}
