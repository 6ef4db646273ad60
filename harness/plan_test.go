package harness_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hypernas/hypernas/harness"
)

func TestParseRef(t *testing.T) {
	for _, tc := range []struct {
		text string
		want harness.Ref
	}{
		{"np", harness.Ref{Alias: "np", Derived: true, Name: "np"}},
		{"fast=np:epochs=3:label=z-score", harness.Ref{Alias: "fast", Name: "np", Options: map[string]string{"epochs": "3", "label": "z-score"}}},
		{"np:filter=a=b:note=", harness.Ref{Alias: "np:filter=a=b:note=", Derived: true, Name: "np", Options: map[string]string{"filter": "a=b", "note": ""}}},
		{"./plugins/mine.py", harness.Ref{Name: "./plugins/mine.py"}},
		{"mine.yaml:file=/a/b.csv", harness.Ref{Name: "mine.yaml", Options: map[string]string{"file": "/a/b.csv"}}},
		{"table:file=/a/b.csv", harness.Ref{Alias: "table:file=b.csv", Derived: true, Name: "table", Options: map[string]string{"file": "/a/b.csv"}}},
		{" mine=/opt/x y/p ", harness.Ref{Alias: "mine", Name: "/opt/x y/p"}},
		{"nb201.v2", harness.Ref{Alias: "nb201.v2", Derived: true, Name: "nb201.v2"}},
		// What is no alias is derived all the same; digits of the options' SHA-256.
		{"np:note=a b", harness.Ref{Alias: "np:810b80f0", Derived: true, Name: "np", Options: map[string]string{"note": "a b"}}},
		{"np:note=é", harness.Ref{Alias: "np:6442fa40", Derived: true, Name: "np", Options: map[string]string{"note": "é"}}},
		{"np:note=" + strings.Repeat("9", 70), harness.Ref{Alias: "np:a692d044", Derived: true, Name: "np", Options: map[string]string{"note": strings.Repeat("9", 70)}}},
	} {
		got, err := harness.ParseRef(tc.text)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: got %+v, %v, want %+v", tc.text, got, err, tc.want)
		}
	}
	for text, want := range map[string]string{
		"":                              "no name",
		"np:":                           "no option",
		"np:epochs":                     `option "epochs" is no key=value`,
		"np:=3":                         "no key=value",
		"np:a=1:a=2":                    "twice",
		"=np":                           "alias is empty",
		"a b=np":                        "alias",
		strings.Repeat("a", 65) + "=np": "alias",
		"a,b":                           "comma",
	} {
		if got, err := harness.ParseRef(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want an error with %q", text, got, err, want)
		}
	}
	refs, err := harness.ParseRefs("np, fast=np:epochs=3")
	if err != nil || len(refs) != 2 || refs[1].Alias != "fast" {
		t.Errorf("got %+v, %v, want two", refs, err)
	}
}

// A path is called what its plugin calls itself, and told apart from others of
// the name.
func TestNameRefs(t *testing.T) {
	for _, tc := range []struct {
		refs      string
		own, want []string
	}{
		{"ridge,./a/predictor.py", []string{"", "gbdt"}, []string{"ridge", "gbdt"}},
		{"./a/predictor.py,./b/predictor.py:depth=5", []string{"gbdt", "gbdt"}, []string{"gbdt", "gbdt:depth=5"}},
		{"./one,./two", []string{"gbdt", "gbdt"}, []string{"gbdt-one", "gbdt-two"}},
		{"./a/predictor.py,b/predictor.py", []string{"gbdt", "gbdt"}, []string{"gbdt-a", "gbdt-b"}},
		{"./predictor.py,old/predictor.py", []string{"gbdt", "gbdt"}, []string{"gbdt-predictor", "gbdt-old"}},
		{"ridge,./mine.py", []string{"", "ridge"}, []string{"ridge", "ridge-mine"}},
		{"./broken.py,mine.yaml", []string{"", ""}, []string{"broken", "mine"}},
		{"./one/p.py,./two/p.py", []string{"", ""}, []string{"p-one", "p-two"}},
		{"./my plug/p q", []string{""}, []string{"p-q"}},
		{"./p:note=a b", []string{"My plug (v2)"}, []string{"My-plug--v2-:810b80f0"}},
		{"x=./one", []string{"gbdt"}, []string{"x"}},
	} {
		refs, err := harness.ParseRefs(tc.refs)
		if err != nil {
			t.Errorf("%s: %v", tc.refs, err)
			continue
		}
		texts := make([]string, len(refs))
		for i := range refs {
			texts[i] = refs[i].String()
		}
		harness.NameRefs(refs, tc.own)
		for i := range refs {
			if got := refs[i].String(); got != texts[i] {
				t.Errorf("%s: String is %q, and was %q without a derived alias", tc.refs, got, texts[i])
			}
		}
		for i, want := range tc.want {
			if refs[i].Alias != want {
				t.Errorf("%s: got %q, want %q", tc.refs, refs[i].Alias, want)
			}
		}
	}
}

func TestParsePlan(t *testing.T) {
	got, err := harness.ParsePlan("quick.yaml", []byte(`
# A comment.
spaces: [bundled]
predictors:
  - &base ridge
  - fast=np:epochs=3
  - name: ./plugins/mine
    alias: mine
    options: {rate: 0.10, note: "a:b,c", on: true}
budgets: [20, 50]
splits: 5
seed: 18446744073709551615
test: 100
pool: nontest
limits: {fit: 90s, memory: 512MiB}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := harness.Plan{
		Spaces: []harness.Ref{{Alias: "bundled", Derived: true, Name: "bundled"}},
		Predictors: []harness.Ref{
			{Alias: "ridge", Derived: true, Name: "ridge"},
			{Alias: "fast", Name: "np", Options: map[string]string{"epochs": "3"}},
			{Alias: "mine", Name: "./plugins/mine", Options: map[string]string{"rate": "0.10", "note": "a:b,c", "on": "true"}},
		},
		Budgets: []int{20, 50}, Splits: 5, Seed: 1<<64 - 1, Preset: "clean", Test: 100, Pool: "nontest",
		Limits: harness.Limits{Start: 10 * time.Second, Fit: 90 * time.Second, Predict: 10 * time.Minute, Memory: 512 << 20},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := got.Validate(); err != nil || got.Seeds != 1 {
		t.Errorf("got %v and %d seeds, want the preset's one", err, got.Seeds)
	}
}

func TestParsePlanNamesTheMistake(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "empty",
		"budgts: [1]":                          `f.yaml: line 1: unknown key "budgts": the keys are spaces, predictors, budgets`,
		"splits: 2\nsplits: 3":                 `line 2: key "splits" appears twice`,
		"splits: many":                         `line 1: "many" is not a whole number`,
		"seed: -1":                             "whole number from 0",
		"budgets: 20":                          "line 1: want a list",
		"budgets: [20, x]":                     `"x" is not a whole number`,
		"spaces: [\"np:\"]":                    "no option after the colon",
		"spaces: [{alias: a}]":                 "no name",
		"spaces: [{name: a, options: [b]}]":    "options are a map",
		"spaces: [{name: a, option: {b: 1}}]":  `unknown key "option"`,
		"spaces: [{name: a, options: {b: []}}": "line 1",
		"limits: {fit: soon}":                  "duration",
		"limits: {memory: lots}":               "amount",
		"preset: [clean]":                      "single value",
		"preset:":                              "single value",
		"a: b: c":                              "mapping values",
		"- x":                                  "want a map",
		"splits: 1\n---\nsplits: 2":            "more than one document",
		"x: &x [*x]":                           "unknown key",
		"\t":                                   "f.yaml",
	} {
		_, err := harness.ParsePlan("f.yaml", []byte(text))
		if !errors.Is(err, harness.ErrPlan) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want one line with %q", text, err, want)
		}
	}
}

func plan() *harness.Plan {
	p := harness.DefaultPlan()
	p.Spaces = []harness.Ref{{Alias: "toy", Name: "toy"}}
	p.Predictors = []harness.Ref{{Alias: "good", Name: "good"}}
	p.Budgets = []int{5, 10}
	p.Splits = 3
	return &p
}

func TestValidateNamesTheMistake(t *testing.T) {
	if err := plan().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(p *harness.Plan){
		"no spaces":              func(p *harness.Plan) { p.Spaces = nil },
		"no predictors":          func(p *harness.Plan) { p.Predictors = nil },
		"no budgets":             func(p *harness.Plan) { p.Budgets = nil },
		"budget 1 is too small":  func(p *harness.Plan) { p.Budgets = []int{1} },
		"budget 5 appears twice": func(p *harness.Plan) { p.Budgets = []int{5, 5} },
		`called "good"`:          func(p *harness.Plan) { p.Predictors = append(p.Predictors, p.Predictors[0]) },
		"a and b are the same predictor twice": func(p *harness.Plan) {
			p.Predictors = []harness.Ref{{Alias: "a", Name: "./p"}, {Alias: "b", Name: "./p"}}
		},
		"alias \"a:b\" is not of":     func(p *harness.Plan) { p.Predictors[0].Alias = "a:b" },
		"choose clean, ":              func(p *harness.Plan) { p.Preset = "fair" },
		"-1 splits":                   func(p *harness.Plan) { p.Splits = -1 },
		"-1 seeds":                    func(p *harness.Plan) { p.Seeds = -1 },
		"no more than 1":              func(p *harness.Plan) { p.Preset = "narformer" },
		"does not go with":            func(p *harness.Plan) { p.Preset, p.Pool, p.Splits = "pinat", "nontest", 1 },
		"have not been read":          func(p *harness.Plan) { p.SplitFile = "f" },
		"-1 test rows":                func(p *harness.Plan) { p.Test = -1 },
		"choose all, nontest or none": func(p *harness.Plan) { p.Pool = "some" },
		"needs a number of test":      func(p *harness.Plan) { p.Pool = "nontest" },
		"a limit is negative":         func(p *harness.Plan) { p.Limits.Fit = -1 },
	} {
		p := plan()
		spoil(p)
		if err := p.Validate(); !errors.Is(err, harness.ErrPlan) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestDigestIsOfWhatDeterminesResults(t *testing.T) {
	want := plan().Digest()
	p := plan()
	p.Limits = harness.Limits{}
	if got := p.Digest(); got != want {
		t.Error("limits change the digest")
	}
	p.Predictors[0].Options = map[string]string{"a": "1"}
	if got := p.Digest(); got == want {
		t.Error("options don't change the digest")
	}
}

// TestDigestIsOfWhatWasAskedFor: derived aliases are no part of it, so that a
// run's folder has the same name whatever plugins call themselves, and the one
// that the first versions gave it.
func TestDigestIsOfWhatWasAskedFor(t *testing.T) {
	of := func(text string, own ...string) string {
		t.Helper()
		p := plan()
		refs, err := harness.ParseRefs(text)
		if err != nil {
			t.Fatal(err)
		}
		if p.Predictors = refs; own != nil {
			harness.NameRefs(p.Predictors, own)
		}
		// The manifest keeps the plan as JSON.
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again := new(harness.Plan)
		if err := json.Unmarshal(data, again); err != nil {
			t.Fatal(err)
		}
		if got, want := again.Digest(), p.Digest(); got != want {
			t.Errorf("%s: digest %s after JSON, %s before", text, got, want)
		}
		return p.Digest()
	}
	want := of("np:epochs=3,./a/p.py")
	if got := of("np:epochs=3,./a/p.py", "", "gbdt"); got != want {
		t.Errorf("got %s once plugins are asked for their names, want %s", got, want)
	}
	// What the first versions wrote for it.
	if got := of("np=np:epochs=3,p=./a/p.py"); got != want {
		t.Errorf("got %s with the same aliases given, want %s", got, want)
	}
	if of("x=np:epochs=3,./a/p.py") == want {
		t.Error("an alias that is given does not change the digest")
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{"4GiB": 4 << 30, "500MB": 5e8, "0": 0, "12": 12, "3 KiB": 3072, "7B": 7} {
		var b harness.Bytes
		if err := b.Set(text); err != nil || int64(b) != want {
			t.Errorf("%s: got %d, %v, want %d", text, b, err, want)
		}
		var again harness.Bytes
		if err := again.Set(b.String()); err != nil || again != b {
			t.Errorf("%s: got %d, %v after writing %s", text, again, err, b.String())
		}
	}
	for _, text := range []string{"", "GiB", "-1", "1.5GiB", "9999999999TiB", "4 gib"} {
		var b harness.Bytes
		if err := b.Set(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, b)
		}
	}
}

// What ParseRef accepts it reads back from String.
func FuzzParseRef(f *testing.F) {
	f.Add("fast=np:epochs=3")
	f.Add("./a.b/c.d:x==")
	f.Add("mine.yaml=mine.yaml")
	f.Add("np:epochs=3")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := harness.ParseRef(text)
		if err != nil {
			return
		}
		again, err := harness.ParseRef(r.String())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%q: got %+v, %v, want %+v", text, again, err, r)
		}
	})
}

// Whatever a plan file holds, it is a plan or one line that says why not.
func FuzzParsePlan(f *testing.F) {
	f.Add([]byte("spaces: [a]\npredictors: [{name: b, options: {c: 1}}]\nbudgets: [2]\n"))
	f.Add([]byte("spaces: &a [*a]"))
	f.Add([]byte("limits: {fit: 1s, memory: 1GiB}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := harness.ParsePlan("f", data)
		if err == nil {
			err = p.Validate()
		}
		if err != nil {
			if !errors.Is(err, harness.ErrPlan) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q", err)
			}
			return
		}
		p.Digest()
	})
}

// Keys are pinned: a rebuilt hypernas must find its records again. The hash
// is of this package's own making.
func TestTrialKeysArePinned(t *testing.T) {
	trial := harness.Trial{
		Form: 1, Space: "00ff", Label: "val", Target: "test", Predictor: "builtin:np@1", Options: map[string]string{"b": "2", "a": "1"},
		Preset: "clean", Test: 5, Pool: "all", Split: 3, Budget: 50, Seed: 7, Repeat: 1,
	}
	if got, want := trial.Key(), "cbb9947ab5d1c0940debf1ba20b5b029195e7bd19032c12cf562d6af796688dc"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
