package metric

import "math"

// KendallTauB returns Kendall's tau-b of the pairs (x[i], y[i]):
//
//	(C - D) / sqrt((n0 - n1) (n0 - n2))
//
// with C concordant and D discordant pairs of pairs, n0 = n(n-1)/2, n1 and n2
// the pairs tied in x and in y (Kendall 1945), as scipy.stats.kendalltau. It
// is undefined, ok is false, where x or y is constant or has fewer than two
// values. It takes O(n log n) time by Knight's algorithm (A computer method
// for calculating Kendall's tau with ungrouped data, JASA 1966); counts are
// exact integers.
func KendallTauB(x, y []float64) (tau float64, ok bool) {
	mustMatch(x, y)
	n := len(x)
	s := newSorter(n)
	// After a stable sort by y and one by x, pairs stand in order of (x, y).
	s.sort(y)
	ranks := make([]uint32, n) // dense rank of y[i]
	var tiesY int64
	for lo := 0; lo < n; {
		hi := s.run(lo)
		tiesY += choose2(hi - lo)
		for _, e := range s.entries[lo:hi] {
			ranks[e.row] = uint32(lo)
		}
		lo = hi
	}
	s.sort(x)
	seq := make([]uint32, n)
	for i, e := range s.entries {
		seq[i] = ranks[e.row]
	}
	var tiesX, tiesBoth int64
	for lo := 0; lo < n; {
		hi := s.run(lo)
		tiesX += choose2(hi - lo)
		for i := lo; i < hi; {
			j := i + 1
			for j < hi && seq[j] == seq[i] {
				j++
			}
			tiesBoth += choose2(j - i)
			i = j
		}
		lo = hi
	}
	total := choose2(n)
	if tiesX == total || tiesY == total {
		return 0, false
	}
	discordant := inversions(seq)
	difference := total - tiesX - tiesY + tiesBoth - 2*discordant
	// The root of the product is exact where the factors are equal, so that
	// equal rankings score exactly 1.
	return float64(difference) / math.Sqrt(float64(total-tiesX)*float64(total-tiesY)), true
}

func choose2(n int) int64 { return int64(n) * int64(n-1) / 2 }

// insertionRun is the length of the runs that inversions sorts by insertion
// before it merges: the usual size at which that is faster than merging.
const insertionRun = 12

// inversions returns the number of pairs i < j with a[i] > a[j]. It sorts a.
func inversions(a []uint32) int64 {
	n := len(a)
	var count int64
	for lo := 0; lo < n; lo += insertionRun {
		for i := lo + 1; i < min(lo+insertionRun, n); i++ {
			v, j := a[i], i
			for j > lo && a[j-1] > v {
				a[j] = a[j-1]
				j--
			}
			a[j] = v
			count += int64(i - j)
		}
	}
	src, dst := a, make([]uint32, n)
	for width := insertionRun; width < n; width *= 2 {
		for lo := 0; lo < n; lo += 2 * width {
			mid, hi := min(lo+width, n), min(lo+2*width, n)
			count += mergeTo(dst[lo:hi], src[lo:mid], src[mid:hi])
		}
		src, dst = dst, src
	}
	return count
}

// mergeTo merges the sorted a and b into dst and returns the number of pairs
// of one of a and a smaller one of b.
func mergeTo(dst, a, b []uint32) int64 {
	if len(a) == 0 || len(b) == 0 || a[len(a)-1] <= b[0] {
		copy(dst[copy(dst, a):], b)
		return 0
	}
	var count int64
	i, j, k := 0, 0, 0
	for i < len(a) && j < len(b) {
		// Two assignments instead of two branches: their outcome is a coin's.
		v, w := a[i], b[j]
		step := 0
		if w < v {
			step = 1
		}
		dst[k] = min(v, w)
		k++
		j += step
		i += 1 - step
		count += int64((len(a) - i) & -step)
	}
	copy(dst[k:], a[i:])
	copy(dst[k+len(a)-i:], b[j:])
	return count
}
