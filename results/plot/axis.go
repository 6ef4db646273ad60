package plot

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// number writes v as tables do: without a zero before the point.
func number(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return "0"
	}
	return strings.Replace(s, "0.", ".", map[bool]int{true: 1}[math.Abs(v) < 1])
}

// steps returns ticks at multiples of 1, 2 or 5 times a power of ten, at most
// most+1 of them.
func steps(low, high float64, most int) []plot.Tick {
	if !(high > low) {
		return []plot.Tick{{Value: low, Label: number(low, 2)}}
	}
	raw := (high - low) / float64(most)
	power := math.Floor(math.Log10(raw))
	step := math.Pow(10, power)
	for _, m := range []float64{1, 2, 5, 10} {
		if m*math.Pow(10, power) >= raw*(1-1e-9) {
			step = m * math.Pow(10, power)
			break
		}
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var ticks []plot.Tick
	for k := math.Ceil(low/step - 1e-9); k*step <= high+1e-9*step; k++ {
		ticks = append(ticks, plot.Tick{Value: k * step, Label: number(k*step, decimals)})
	}
	return ticks
}

// budgetTicks returns a tick a budget, with labels where there is room for
// them on a logarithmic axis of the given width.
func budgetTicks(budgets []int, width vg.Length) []plot.Tick {
	first, last := float64(budgets[0]), float64(budgets[len(budgets)-1])
	place := func(n int) vg.Length {
		if last == first {
			return 0
		}
		return width * vg.Length(math.Log(float64(n)/first)/math.Log(last/first))
	}
	ticks := make([]plot.Tick, len(budgets))
	free := vg.Length(math.Inf(-1)) // where the last label ends
	for i, n := range budgets {
		ticks[i].Value = float64(n)
		half := letters(smallSize).Width(strconv.Itoa(n))/2 + 1.5
		if at := place(n); at-half >= free {
			ticks[i].Label = strconv.Itoa(n)
			free = at + half
		}
	}
	return ticks
}

// decades returns ticks for a logarithmic axis: at 1, 2 and 5 times powers of
// ten where they span less than two decades, else at powers of ten.
func decades(low, high float64) []plot.Tick {
	factors := []float64{1}
	if high/low < 100 {
		factors = []float64{1, 2, 5}
	}
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1.; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			for _, f := range factors {
				if f == m {
					t.Label = number(v, max(0, -int(e)))
				}
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
