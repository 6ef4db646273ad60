// Package published holds figures that papers and authors' logs report, so
// that tables can show them beside measured ones. They are facts about other
// work: each names its source, and its protocol where the source states one.
package published

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// figures holds one Kendall tau a line: space and data set; the predictor as
// this project names it and as the source does; the number of labels; the test
// set in the source's words; the preset whose protocol it is (empty where the
// source doesn't say, or where the preset knows no such number of labels); tau, its standard deviation and the number of runs,
// where given; and the source.
//
//go:embed published.csv
var figures string

// Figure is a published Kendall tau.
type Figure struct {
	Space, Dataset string
	Predictor      string // as this project names it
	Name           string // as the source names it
	Labels         int
	Test           string // the test set, in the source's words; may be empty
	Preset         string // empty where the source doesn't state its protocol
	Tau            float64
	SD             float64 // over Runs; NaN where it isn't given
	Runs           int     // 0 where it isn't given
	Source         string
}

// Figures are published figures, of the original source before copies of it.
type Figures []Figure

// All returns all figures.
func All() Figures {
	all, err := parse(figures)
	if err != nil {
		panic("published: " + err.Error()) // a test parses the embedded file
	}
	return all
}

func parse(text string) (Figures, error) {
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	var all Figures
	for i, f := range lines[1:] {
		figure := Figure{Space: f[0], Dataset: f[1], Predictor: f[2], Name: f[3], Test: f[5], Preset: f[6], SD: math.NaN(), Source: f[10]}
		var errs [4]error
		figure.Labels, errs[0] = strconv.Atoi(f[4])
		figure.Tau, errs[1] = strconv.ParseFloat(f[7], 64)
		if f[8] != "" {
			figure.SD, errs[2] = strconv.ParseFloat(f[8], 64)
		}
		if f[9] != "" {
			figure.Runs, errs[3] = strconv.Atoi(f[9])
		}
		for _, err := range errs {
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+2, err)
			}
		}
		all = append(all, figure)
	}
	return all, nil
}

// Find returns those of a predictor with a number of labels on a space
// and data set, all by the names that this project gives them.
func (fs Figures) Find(space, dataset, predictor string, labels int) []Figure {
	var found []Figure
	for _, f := range fs {
		if f.Labels == labels && f.Space == space && f.Predictor == predictor && strings.EqualFold(f.Dataset, dataset) {
			found = append(found, f)
		}
	}
	return found
}

// Compares reports whether a figure measured on the given number of
// architectures of the figure's space, under a preset, can be held against f:
// only under f's own protocol, on the space that f was made on (common files
// of NAS-Bench-101 hold 30,001 of its 423,624 architectures; the values of
// darts here are another surrogate's), and where f was not scored on a part
// that only its authors had.
func (f *Figure) Compares(preset string, rows int) bool {
	whole := Rows(f.Space)
	part := f.Test != "" && f.Test != "all" && (f.Preset != "naslib" || f.Test != "200 random")
	return preset != "" && f.Preset == preset && (whole == 0 || rows == whole) && !part
}

// Rows returns the number of architectures of the space that figures were
// published on, 0 where that isn't known, and -1 where none is the same.
func Rows(space string) int {
	switch space {
	case "nasbench101":
		return 423624 // Ying et al., ICML 2019
	case "nasbench201":
		return 15625 // Dong and Yang, ICLR 2020
	case "transnas":
		return 4096 // Duan et al., CVPR 2021
	case "darts":
		return -1 // figures are on genotypes and values of NAS-Bench-301's own
	}
	return 0
}
