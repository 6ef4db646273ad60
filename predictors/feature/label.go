package feature

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/hypernas/hypernas/plugins"
)

// CheckLabels returns an error wrapping plugins.ErrInput unless there are
// architectures, a label for each, and every label is finite.
func CheckLabels(labels []float64, architectures int) error {
	if architectures == 0 || len(labels) != architectures {
		return fmt.Errorf("%w: %d labels for %d architectures", plugins.ErrInput, len(labels), architectures)
	}
	for i, y := range labels {
		if math.IsNaN(y) || math.IsInf(y, 0) {
			return fmt.Errorf("%w: label %d is %v", plugins.ErrInput, i, y)
		}
	}
	return nil
}

// LabelsTo writes labels to dst, which has their length and may be labels, as
// the transform of the given name gives them: rank-gauss is [RankGaussTo],
// z-score [ZScoreTo], raw leaves them as they are. It panics for any other
// name, which an option's choices keep out. Predictors call that option label.
func LabelsTo(dst, labels []float64, transform string) {
	switch transform {
	case "rank-gauss":
		RankGaussTo(dst, labels)
	case "z-score":
		ZScoreTo(dst, labels)
	case "raw":
		copy(dst, labels)
	default:
		panic("feature: there is no such transform of labels")
	}
}

// RankGaussTo writes the normal scores of labels to dst, which has their
// length and may be labels: the standard normal quantile of (r - 1/2) / n,
// where r is the rank from 1, equal labels sharing their average rank. It
// keeps the order of labels and nothing else of them, which is what ranking
// needs where a few labels lie far below the others.
func RankGaussTo(dst, labels []float64) {
	order := make([]int, len(labels))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case labels[i] < labels[j]:
			return -1
		case labels[i] > labels[j]:
			return 1
		}
		return 0
	})
	ranked := make([]float64, len(labels))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && labels[order[to]] == labels[order[from]] {
			to++
		}
		// Ranks from+1 to to; less 1/2 their average is (from+to)/2.
		q := float64(from+to) / 2 / float64(len(order))
		for _, i := range order[from:to] {
			ranked[i] = distuv.UnitNormal.Quantile(q)
		}
		from = to
	}
	copy(dst, ranked)
}

// ZScoreTo writes labels, less their mean and divided by their population's
// standard deviation, to dst, which has their length and may be labels. Equal
// labels give zeros.
func ZScoreTo(dst, labels []float64) {
	mean := 0.0
	for _, y := range labels {
		mean += y / float64(len(labels))
	}
	squares := 0.0
	for _, y := range labels {
		squares += (y - mean) * (y - mean)
	}
	sd := math.Sqrt(squares / float64(len(labels)))
	if slices.Min(labels) == slices.Max(labels) {
		mean, sd = labels[0], 1
	}
	for i, y := range labels {
		dst[i] = (y - mean) / sd
	}
}

// Moments returns the mean of y and its population's standard deviation, or 1
// if y does not vary beyond rounding, for predictors that train on standardized
// labels and take what they predict back to the label's scale.
func Moments(y []float64) (mean, sd float64) {
	for _, v := range y {
		mean += v / float64(len(y))
	}
	for _, v := range y {
		sd += (v - mean) * (v - mean) / float64(len(y))
	}
	if sd = math.Sqrt(sd); sd <= 1e-12*math.Abs(mean) {
		sd = 1
	}
	return mean, sd
}

// LabelScale takes the values of a predictor that trained on transformed labels
// back to the labels' scale, in their order.
type LabelScale struct {
	mean, sd       float64
	scores, labels []float64 // knots, both rising; none unless rank-gauss
}

// NewLabelScale returns the way back from rank-gauss or z-score, by the names
// that [LabelsTo] takes, to the scale of labels, of which there is one at least.
func NewLabelScale(labels []float64, transform string) *LabelScale {
	s := &LabelScale{}
	s.mean, s.sd = Moments(labels)
	if transform != "rank-gauss" {
		return s
	}
	s.labels, s.scores = slices.Clone(labels), make([]float64, len(labels))
	RankGaussTo(s.scores, labels)
	slices.Sort(s.labels)
	slices.Sort(s.scores)
	s.labels, s.scores = slices.Compact(s.labels), slices.Compact(s.scores) // equal labels have equal scores
	return s
}

// To writes the labels that values stand for to dst, which has their length and
// may be values. A z-score is multiplied by the labels' deviation and added to
// their mean. A normal score between those of two labels lies between the two in
// the same proportion, which is the labels' empirical quantile function;
// outside, it goes on from the last label by the labels' deviation.
func (s *LabelScale) To(dst, values []float64) {
	for i, z := range values {
		dst[i] = s.label(z)
	}
}

func (s *LabelScale) label(z float64) float64 {
	last := len(s.scores) - 1
	switch {
	case last < 0:
		return s.mean + s.sd*z
	case z <= s.scores[0]:
		return s.labels[0] + s.sd*(z-s.scores[0])
	case z >= s.scores[last]:
		return s.labels[last] + s.sd*(z-s.scores[last])
	}
	k, _ := slices.BinarySearch(s.scores, z) // scores[k-1] < z <= scores[k]
	share := (z - s.scores[k-1]) / (s.scores[k] - s.scores[k-1])
	return s.labels[k-1] + share*(s.labels[k]-s.labels[k-1])
}
