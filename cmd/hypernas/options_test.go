package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/plugins"
)

// Every option of a built-in predictor that holds a number or a truth refuses
// other text before anything runs.
func TestValuesOfOptionsAreCheckedFirst(t *testing.T) {
	for _, b := range builtinPredictors() {
		t.Run(b.name, func(t *testing.T) {
			_, err := b.create().Fit(t.Context(), &plugins.Training{Options: map[string]string{"no such option": "1"}, Log: slog.New(slog.DiscardHandler)})
			if !errors.Is(err, plugins.ErrOption) {
				t.Errorf("a fit on nothing with an unknown option returns %v, want plugins.ErrOption: look at options before anything else", err)
			}
			d, err := describe(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range d.Options {
				_, number := strconv.ParseFloat(o.Default, 64)
				_, truth := strconv.ParseBool(o.Default)
				ref := harness.Ref{Alias: "it", Name: b.name, Options: map[string]string{o.Name: "abc"}}
				if o.Choices != nil || number != nil && truth != nil {
					// A name or path: what it stands for is for the trial to find.
					if err := checkValues(t.Context(), ref); b.name == "zerocost" && err != nil {
						t.Errorf("%s=abc gives %v, before any space is there to have it or not", o.Name, err)
					}
					continue
				}
				if err := checkValues(t.Context(), ref); !errors.As(err, new(usageError)) {
					t.Errorf("%s=abc gives %v, want an error of usage", o.Name, err)
				}
				ref.Options[o.Name] = o.Default
				if err := checkValues(t.Context(), ref); err != nil {
					t.Errorf("the default %s=%s gives %v", o.Name, o.Default, err)
				}
			}
		})
	}
}

// The plans of the repository name spaces, predictors and options that there are.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("../../plans/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := harness.ParsePlan(file, data)
			if err == nil {
				err = p.Validate()
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, ref := range p.Spaces {
				if _, ok := find(builtinSpaces(), ref.Name); !ok {
					t.Errorf("no space is called %s", ref.Name)
				}
			}
			for _, ref := range p.Predictors {
				if _, ok := find(builtinPredictors(), ref.Name); !ok {
					t.Errorf("no predictor is called %s", ref.Name)
				} else if err := checkValues(t.Context(), ref); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
