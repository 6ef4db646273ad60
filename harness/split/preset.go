package split

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/plugins"
)

// Preset is a protocol: what of a space is drawn, from which columns labels
// and targets come, and which rows are scored. Results of different presets
// are not comparable, so every record names its own. The texts say what the
// other fields do; Presets is the one place where both stand.
type Preset struct {
	Name    string
	Summary string // one line
	Source  string // paper and code whose protocol it is; empty for this project's own

	Draw, Label, Target, Test string // one sentence or two each
	// Match says whether splits are the peer's own or follow its rule only.
	Match      string
	Deviations []string // from the peer's code
	Sizes      []Size   // on which figures were published
	Splits     int      // of a plan that doesn't say
	Seeds      int      // predictor seeds a split, of a plan that doesn't say

	merge         merge
	test          testSet
	testRows      int  // of testFixed, where the request doesn't say
	firstRows     bool // training rows are the first of the space, whatever is drawn
	numpy         []int
	label, target want
}

// Size is a space on which a protocol's figures were published. Figures on a
// space of another number of rows don't compare with them.
type Size struct {
	Space   string
	Rows    int
	Budgets []int // numbers of labels
	Exact   bool  // the peer's own rows are drawn, at these budgets alone
}

// merge says which rows of a space count as one.
type merge int

const (
	mergeNothing    merge = iota
	mergeStructures       // those that are equal once dead operations are pruned; see Structures
	mergeIdentities       // those that compute the same
)

func (m merge) String() string {
	return [...]string{"architectures", "structures", "identities"}[m]
}

// testSet says which rows are scored.
type testSet int

const (
	testRest  testSet = iota // all that were not drawn for training
	testFixed                // a number at the end of the permutation
	testHalf                 // the second half of the permutation
	testAll                  // every row, those for training included
)

// want says what a preset takes as label or target; the zero value takes what
// the space does.
type want struct {
	text    string // such as "a mean validation accuracy"
	split   string // Column.Split
	mean    bool   // not of one run; a column that doesn't say how many is taken to be a mean
	single  bool   // of one run
	asLabel bool   // the label's column itself
	column  string // comes before all others where the space has a column of this name
}

// Default is the preset that a plan has if it names none.
const Default = "clean"

// nb101Rows is the number of models in the official NAS-Bench-101 file.
const nb101Rows = 423_624

// Presets returns all presets, the default first.
func Presets() []Preset {
	anyValidation := want{text: "a validation accuracy", split: "validation"}
	sameAsLabel := want{asLabel: true}
	const (
		validation = "A validation accuracy: the space's own label where it is one, else the first such column of the same data set."
		asLabel    = "The label's column: predictors are scored on what they are trained to predict."
		meanTest   = "Test accuracy averaged over runs."
		nestedDraw = "One permutation of the architectures for each space, seed and split; training is the first n, so that budgets nest."
		ruleOnly   = "Its rule only. The peer's random indices depend on its data files and libraries."
	)
	return []Preset{
		{
			Name:    "clean",
			Summary: "draws distinct functions, so that nothing of the test set was trained on",
			Draw: "One permutation of the identities (architectures that compute the same function share one) for each space, seed and split; " +
				"training is the first n, so that budgets nest. An identity stands for itself by its first architecture in the space's order.",
			Label:  "The space's label column, usually validation accuracy.",
			Target: "The space's target column, usually test accuracy.",
			Test:   "Every other identity; with --test N the last N of the permutation, whatever the budget.",
			Match:  "This project's own. It compares with published figures only where their authors also kept equal architectures apart.",
			Splits: 10, Seeds: 1,
			merge: mergeIdentities,
		},
		{
			Name:    "uniform",
			Summary: "draws architectures uniformly at random, equal ones included",
			Draw:    nestedDraw + " Nothing is merged, so that test architectures may compute what a training architecture computes; records count them (overlap).",
			Label:   "As clean.",
			Target:  "As clean.",
			Test:    "Every other architecture; with --test N the last N of the permutation, whatever the budget.",
			Match:   "This project's own.",
			Splits:  10, Seeds: 1,
		},
		{
			Name:    "pinat",
			Summary: "PINAT's splits, scored on all architectures with those trained on among them",
			Source:  "Lu et al., PINAT: A Permutation INvariance Augmented Transformer for NAS Predictor, AAAI 2023; github.com/ShunLu91/PINAT",
			Draw: "NAS-Bench-101 (423,624 rows): permutations of numpy's RandomState drawn one after another, one for each of the seven budgets, whose first n rows train; " +
				"they do not nest. Its seed is the plan's plus the split's number; 0 is the peer's. Other spaces: as uniform.",
			Label:  "Validation accuracy of a single run; on NAS-Bench-101 of the first run that did not fail (validation_resampled).",
			Target: "Test accuracy averaged over runs; on NAS-Bench-101 over those that did not diverge (test_converged).",
			Test:   "All architectures, those trained on among them; with --test N a fixed random N of all.",
			Match: "NAS-Bench-101: exactly, where the space's rows stand in the order of the official file (first appearance of each hash). " +
				"NAS-Bench-201: its rule only, for its indices were never published; compare at 78, 156 and 469 labels.",
			Deviations: []string{
				"The peer z-scores labels with fixed constants of the whole space; here labels are handed out as they are, and scaling is the predictor's affair.",
				"The peer tests the same rows in every run; so does this preset, hence one split, and further ones are this project's own.",
			},
			Sizes: []Size{
				{Space: "NAS-Bench-101", Rows: nb101Rows, Budgets: []int{100, 172, 334, 423, 424, 860, 4236}, Exact: true},
				{Space: "NAS-Bench-201", Rows: 15_625, Budgets: []int{78, 156, 469}},
			},
			Splits: 1, Seeds: 1,
			test:  testAll,
			numpy: []int{100, 172, 334, 860, 423, 424, 4236},
			// The columns of nasbench101 that follow the peer's code to the letter.
			label:  want{text: "a validation accuracy of one run", split: "validation", single: true, column: "validation_resampled"},
			target: want{text: meanOf("test").text, split: "test", mean: true, column: "test_converged"},
		},
		{
			Name:    "narformer",
			Summary: "NAR-Former's rule: the first rows train, all rows are scored",
			Source:  "Yi et al., NAR-Former: Neural Architecture Representation Learning Towards Holistic Attributes Prediction, CVPR 2023",
			Draw:    "The first n rows of the space, handed out in random order. There is one split; repeats are seeds of the predictor.",
			Label:   "Validation accuracy averaged over runs.",
			Target:  meanTest,
			Test:    "All architectures, those trained on among them; with --test N a fixed random N of all.",
			Match:   "Its rule only: which rows are first depends on the order of the data file.",
			Deviations: []string{
				"The peer chooses its checkpoint on 200 further labelled rows. Here predictors get no label beyond the budget: to allow for the peer's, compare its figure at n with a budget of n + 200.",
			},
			Sizes: []Size{
				{Space: "NAS-Bench-101", Rows: nb101Rows, Budgets: []int{100, 424, 4236}},
				{Space: "NAS-Bench-201", Rows: 15_625, Budgets: []int{156, 469, 781, 1563}},
			},
			Splits: 1, Seeds: 1,
			test: testAll, firstRows: true,
			label: meanOf("validation"), target: meanOf("test"),
		},
		{
			Name:    "tagates",
			Summary: "TA-GATES's rule: a prefix of one half trains, the other half is scored, on validation accuracy",
			Source:  "Ning et al., TA-GATES: An Encoding Scheme for Neural Network Architectures, NeurIPS 2022",
			Draw:    nestedDraw + " Only the first half trains: a budget stands for int(ratio x half).",
			Label:   validation,
			Target:  asLabel,
			Test:    "The second half of the permutation, rounded up; with --test N its last N, and all before them may train.",
			Match:   ruleOnly,
			Deviations: []string{
				"The peer's spaces are subsets of its own: 14,580 models of NAS-Bench-101, and a NAS-Bench-301 of which 51,072 are held out.",
				"The peer averages the scores of its last 5 epochs; here a predictor predicts once.",
			},
			Sizes: []Size{
				{Space: "NAS-Bench-101, the peer's subset", Rows: 14_580, Budgets: []int{36, 72, 364, 729, 3645, 7290}},
			},
			Splits: 3, Seeds: 3,
			test:  testHalf,
			label: anyValidation, target: sameAsLabel,
		},
		{
			Name:    "flan",
			Summary: "FLAN's rule: a uniform draw, half the space is scored, on validation accuracy",
			Source:  "Akhauri and Abdelfattah, Encodings for Prediction-based Neural Architecture Search, ICML 2024",
			Draw:    nestedDraw,
			Label:   validation,
			Target:  asLabel,
			Test:    "The second half of the permutation, rounded up (7,290, 7,813 and 5,896 rows of the peer's spaces); with --test N its last N.",
			Match:   ruleOnly,
			Deviations: []string{
				"The peer's NAS-Bench-101 and NAS-Bench-301 are subsets of its own.",
				"The peer repeats 3 to 5 times, here 5.",
			},
			Sizes: []Size{
				{Space: "NAS-Bench-101, the peer's subset", Rows: 14_580, Budgets: []int{72, 364, 729}},
				{Space: "NAS-Bench-201", Rows: 15_625, Budgets: []int{8, 40, 78}},
				{Space: "NAS-Bench-301, the peer's subset", Rows: 11_792, Budgets: []int{30, 59, 295}},
			},
			Splits: 5, Seeds: 1,
			test:  testHalf,
			label: anyValidation, target: sameAsLabel,
		},
		{
			Name:    "naslib",
			Summary: "NASLib's rule: nested prefixes of one draw, 200 rows are scored, on validation accuracy",
			Source:  "White et al., How Powerful are Performance Predictors in Neural Architecture Search?, NeurIPS 2021",
			Draw:    nestedDraw,
			Label:   validation,
			Target:  asLabel,
			Test:    "The last 200 of the permutation, or --test N.",
			Match:   ruleOnly,
			Deviations: []string{
				"The peer draws its test rows beside its training rows and does not remove those that are in both; here no row is.",
				"The peer samples architectures of NAS-Bench-301 and DARTS without end; here they come from the space's pool.",
			},
			Sizes: []Size{
				{Space: "NAS-Bench-101", Rows: nb101Rows, Budgets: naslibBudgets()},
				{Space: "NAS-Bench-201", Rows: 15_625, Budgets: naslibBudgets()},
			},
			Splits: 100, Seeds: 1,
			test: testFixed, testRows: 200,
			label: anyValidation, target: sameAsLabel,
		},
		{
			Name:    "graf",
			Summary: "GRAF's rule: a uniform draw among distinct structures, the rest is scored, on validation accuracy",
			Source:  "Kadlecová et al., Surprisingly Strong Performance Prediction with Neural Graph Features, ICML 2024",
			Draw: "One permutation of the structures (architectures that are equal once dead operations are pruned share one) for each space, seed and split; " +
				"training is the first n, so that budgets nest. A structure stands for itself by its first architecture in the space's order. NAS-Bench-201 has 9,445.",
			Label:  validation,
			Target: asLabel,
			Test:   "Every other structure; with --test N the last N of the permutation, whatever the budget. Structures may compute the same function; records count those (overlap).",
			Match:  ruleOnly,
			Deviations: []string{
				"The peer removes duplicates on NAS-Bench-201 by its own test of isomorphism; here structures are compared after pruning alone, which leaves as many.",
			},
			Sizes:  []Size{{Space: "NAS-Bench-201", Rows: 15_625, Budgets: []int{32, 128, 1024}}},
			Splits: 50, Seeds: 1,
			merge: mergeStructures,
			label: anyValidation, target: sameAsLabel,
		},
	}
}

func naslibBudgets() []int { return []int{5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000} }

func meanOf(images string) want {
	return want{text: "a mean " + images + " accuracy of several runs", split: images, mean: true}
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
	last := len(names) - 1
	return Preset{}, fmt.Errorf("unknown preset %q: choose %s or %s", name, strings.Join(names[:last], ", "), names[last])
}

// MaxSplits returns how many different splits the preset can draw, or 0 where
// there is no end of them.
func (p *Preset) MaxSplits() int {
	if p.firstRows {
		return 1
	}
	return 0
}

// TestsTraining reports whether training rows are scored, too. Then nothing
// of the space lies outside the test set.
func (p *Preset) TestsTraining() bool { return p.test == testAll }

// TestStays reports whether the test rows are the same for every budget,
// given the number that a plan asks for (0: as the preset has it).
func (p *Preset) TestStays(test int) bool { return test > 0 || p.test != testRest }

// Merges reports whether Draw wants the structures of rows.
func (p *Preset) Merges() bool { return p.merge == mergeStructures }

// Columns returns the columns of a space that labels and targets come from,
// by what the space says of them. Where it has none of the kind that the
// preset wants, the space's own stands in and a warning says so.
func (p *Preset) Columns(info *plugins.SpaceInfo) (label, target string, warnings []string) {
	choose := func(role, own string, w want) string {
		c, ok := w.choose(info, info.ColumnNamed(own))
		if !ok {
			warnings = append(warnings, fmt.Sprintf("preset %s takes %s as %s; the space has none, and %s stands in", p.Name, w.text, role, c))
		}
		return c
	}
	label = choose("label", info.Label, p.label)
	if p.target.asLabel {
		return label, label, warnings
	}
	return label, choose("target", info.Target, p.target), warnings
}

// choose returns the name of the column that w wants: the one that it names,
// else, among those that were measured as own was but for the images and the
// number of runs, own where it fits, else the one of most runs, else the first. Where none fits it returns
// a column of the wanted images, or own, and false.
func (w want) choose(info *plugins.SpaceInfo, own *plugins.Column) (name string, ok bool) {
	if c := info.ColumnNamed(w.column); c != nil && c.Split == w.split {
		return c.Name, true
	}
	if w.split == "" || w.fits(own) {
		return own.Name, true
	}
	var best, other *plugins.Column
	for i := range info.Columns {
		c := &info.Columns[i]
		if c.Split != w.split || c.Dataset != own.Dataset || c.Unit != own.Unit || c.Epochs != own.Epochs {
			continue
		}
		if other == nil {
			other = c
		}
		if w.fits(c) && (best == nil || c.Runs > best.Runs) {
			best = c
		}
	}
	switch {
	case best != nil:
		return best.Name, true
	case other != nil && own.Split != w.split: // the images matter more than the runs
		return other.Name, false
	default:
		return own.Name, false
	}
}

func (w want) fits(c *plugins.Column) bool {
	return c.Split == w.split && (!w.single || c.Runs == 1) && (!w.mean || c.Runs != 1)
}

// size returns the published size of a space of that many rows, or nil.
func (p *Preset) size(rows int) *Size {
	i := slices.IndexFunc(p.Sizes, func(s Size) bool { return s.Rows == rows })
	if i < 0 {
		return nil
	}
	return &p.Sizes[i]
}
