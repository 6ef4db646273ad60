//go:build goexperiment.simd && amd64

package kern

// vectorDepthTo walks over tiles of four pixels. Every result is one chain of
// fused multiply-adds over the taps, whatever its tile.
func vectorDepthTo(dst, padded, weights []float32, d depth) {
	p, s, w := pointer(dst), pointer(padded), pointer(weights)
	in := d.padded()
	line, step := in.w*vectorBytes, d.gap*vectorBytes
	for q := range d.m.g * d.m.c {
		first := q % d.m.c * d.k * d.k * float32Bytes
		for y := range d.m.h {
			at := (q*d.m.h + y) * d.m.w * vectorBytes
			row := (q*in.h + y) * line
			x := 0
			for ; x+4 <= d.m.w; x += 4 {
				var a0, a1, a2, a3 vector
				tap, r := first, row+x*vectorBytes
				for range d.k {
					o := r
					for range d.k {
						v := spread(w, tap)
						a0, a1 = v.MulAdd(load(s, o), a0), v.MulAdd(load(s, o+vectorBytes), a1)
						a2, a3 = v.MulAdd(load(s, o+2*vectorBytes), a2), v.MulAdd(load(s, o+3*vectorBytes), a3)
						o, tap = o+step, tap+float32Bytes
					}
					r += d.gap * line
				}
				store(a0, p, at)
				store(a1, p, at+vectorBytes)
				store(a2, p, at+2*vectorBytes)
				store(a3, p, at+3*vectorBytes)
				at += 4 * vectorBytes
			}
			for ; x < d.m.w; x++ {
				var a vector
				tap, r := first, row+x*vectorBytes
				for range d.k {
					o := r
					for range d.k {
						a = spread(w, tap).MulAdd(load(s, o), a)
						o, tap = o+step, tap+float32Bytes
					}
					r += d.gap * line
				}
				store(a, p, at)
				at += vectorBytes
			}
		}
	}
	clearUpper()
}

// vectorDepthFilterGradTo sums over blocks, rows and columns, lane by lane, in
// four sums for the columns modulo 4, and over the lanes last.
func vectorDepthFilterGradTo(dst, padded, gout []float32, d depth) {
	s, p := pointer(padded), pointer(gout)
	in := d.padded()
	for c := range d.m.c {
		for tap := range d.k * d.k {
			var a0, a1, a2, a3, rest vector
			for g := range d.m.g {
				q := g*d.m.c + c
				for y := range d.m.h {
					o := ((q*in.h+y+tap/d.k*d.gap)*in.w + tap%d.k*d.gap) * vectorBytes
					r := (q*d.m.h + y) * d.m.w * vectorBytes
					x := 0
					for ; x+4 <= d.m.w; x += 4 {
						a0 = load(p, r).MulAdd(load(s, o), a0)
						a1 = load(p, r+vectorBytes).MulAdd(load(s, o+vectorBytes), a1)
						a2 = load(p, r+2*vectorBytes).MulAdd(load(s, o+2*vectorBytes), a2)
						a3 = load(p, r+3*vectorBytes).MulAdd(load(s, o+3*vectorBytes), a3)
						o, r = o+4*vectorBytes, r+4*vectorBytes
					}
					for ; x < d.m.w; x++ {
						rest = load(p, r).MulAdd(load(s, o), rest)
						o, r = o+vectorBytes, r+vectorBytes
					}
				}
			}
			storeFirst(sum(a0.Add(a1).Add(a2.Add(a3)).Add(rest)), &dst[c*d.k*d.k+tap])
		}
	}
	clearUpper()
}

func vectorDotPixelsTo(dst, x, y []float32) {
	p, q := pointer(x), pointer(y)
	var a vector
	for o := 0; o < len(x)*float32Bytes; o += vectorBytes {
		a = load(p, o).MulAdd(load(q, o), a)
	}
	store(a, pointer(dst), 0)
	clearUpper()
}

func vectorScalePixelsTo(dst, x, factor, shift []float32) {
	d, p := pointer(dst), pointer(x)
	f, s := load(pointer(factor), 0), load(pointer(shift), 0)
	for o := 0; o < len(dst)*float32Bytes; o += vectorBytes {
		store(load(p, o).MulAdd(f, s), d, o)
	}
	clearUpper()
}
