package split

import (
	"fmt"
	"strings"
)

// Preset is a protocol: how training and test rows are drawn. Results of
// different presets are not comparable, so every record names its own.
type Preset struct {
	Name    string
	Summary string // one line
	Rules   []string

	byIdentity bool // distinct functions are drawn, else rows
}

// Default is the preset that a plan has if it names none.
const Default = "clean"

// Presets returns all presets, the default first.
func Presets() []Preset {
	return []Preset{
		{
			Name:    "clean",
			Summary: "draws distinct functions, so that nothing of the test set was trained on",
			Rules: []string{
				"One permutation of the identities (architectures that compute the same function share one) for each space, seed and split.",
				"Training: the first n identities, so the rows of a smaller budget are among those of a larger one.",
				"Test: every other identity; with --test N the last N of the permutation, whatever the budget.",
				"An identity stands for itself by its first architecture in the space's order.",
				"Label: the space's label column, usually validation accuracy. Target: its target column, usually test accuracy.",
				"Compares with published figures only where their authors also kept equal architectures apart.",
			},
			byIdentity: true,
		},
		{
			Name:    "uniform",
			Summary: "draws architectures uniformly at random, equal ones included",
			Rules: []string{
				"One permutation of the architectures for each space, seed and split; nothing is merged.",
				"Training: the first n architectures, so the rows of a smaller budget are among those of a larger one.",
				"Test: every other architecture; with --test N the last N of the permutation, whatever the budget.",
				"Architectures of the test set may compute what a training architecture computes; records count them (overlap).",
				"Label and target as clean.",
			},
		},
	}
}

// Lookup returns the preset called name; the error lists the choices.
func Lookup(name string) (Preset, error) {
	var names []string
	for _, p := range Presets() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Preset{}, fmt.Errorf("unknown preset %q: choose %s", name, strings.Join(names, " or "))
}
