package kern

// attend is the shape of multi-head attention among pixels, lane by lane: blocks
// of 16 images, heads of HeadWidth channels, pixels. Q, K and V are
// [blocks, heads, 3, HeadWidth, pixels, 16], the result [blocks, heads,
// HeadWidth, pixels, 16], the softmax [blocks, heads, pixels, pixels, 16].
type attend struct{ blocks, heads, pixels int }

func (s attend) weights() int { return s.blocks * s.heads * s.pixels * s.pixels * Lanes }

// attendScale is 1 / sqrt(HeadWidth).
const attendScale = 0.70710678118654752

// part returns the i-th of equal parts, each of n pixels' numbers.
func part[T Float](s []T, i, n int) []T { return s[i*n*Lanes : (i+1)*n*Lanes] }

// attendTo computes softmax(Q K^T / sqrt(d)) V of each head, and the softmax.
func attendTo[T Float](dst, soft, qkv []T, s attend) {
	n := s.pixels
	d32, fast := vector32(dst)
	for b := range s.blocks * s.heads {
		q, k, v := part(qkv, 3*b, HeadWidth*n), part(qkv, 3*b+1, HeadWidth*n), part(qkv, 3*b+2, HeadWidth*n)
		if fast {
			vec.attendTo(part(d32, b, HeadWidth*n), as32(part(soft, b, n*n)), as32(q), as32(k), as32(v), n)
			continue
		}
		out := part(dst, b, HeadWidth*n)
		clear(out)
		for i := range n {
			p := part(soft, b*n+i, n)
			for l := range Lanes {
				var top, sum T
				for j := range n {
					z := (q[i*Lanes+l]*k[j*Lanes+l] + q[(n+i)*Lanes+l]*k[(n+j)*Lanes+l]) * attendScale
					if p[j*Lanes+l] = z; j == 0 || z > top {
						top = z
					}
				}
				for j := range n {
					p[j*Lanes+l] = exp(p[j*Lanes+l] - top)
					sum += p[j*Lanes+l]
				}
				for j := range n {
					p[j*Lanes+l] /= sum
					out[i*Lanes+l] += p[j*Lanes+l] * v[j*Lanes+l]
					out[(n+i)*Lanes+l] += p[j*Lanes+l] * v[(n+j)*Lanes+l]
				}
			}
		}
	}
}

// attendGradTo computes the gradient with respect to Q, K and V, given gout, that
// with respect to the result.
func attendGradTo[T Float](dst, gout, soft, qkv []T, s attend) {
	n := s.pixels
	d32, fast := vector32(dst)
	for b := range s.blocks * s.heads {
		q, k, v := part(qkv, 3*b, HeadWidth*n), part(qkv, 3*b+1, HeadWidth*n), part(qkv, 3*b+2, HeadWidth*n)
		g := part(gout, b, HeadWidth*n)
		if fast {
			vec.attendGradTo(part(d32, b, 3*HeadWidth*n), as32(g), as32(part(soft, b, n*n)), as32(q), as32(k), as32(v), n)
			continue
		}
		d := part(dst, b, 3*HeadWidth*n)
		clear(d)
		gq, gk, gv := part(d, 0, HeadWidth*n), part(d, 1, HeadWidth*n), part(d, 2, HeadWidth*n)
		for i := range n {
			p := part(soft, b*n+i, n)
			for l := range Lanes {
				i0, i1 := i*Lanes+l, (n+i)*Lanes+l
				var dot T
				for j := range n {
					dot += p[j*Lanes+l] * (g[i0]*v[j*Lanes+l] + g[i1]*v[(n+j)*Lanes+l])
				}
				for j := range n {
					j0, j1 := j*Lanes+l, (n+j)*Lanes+l
					gv[j0] += p[j0] * g[i0]
					gv[j1] += p[j0] * g[i1]
					z := p[j0] * (g[i0]*v[j0] + g[i1]*v[j1] - dot) * attendScale
					gq[i0] += z * k[j0]
					gq[i1] += z * k[j1]
					gk[j0] += z * q[i0]
					gk[j1] += z * q[i1]
				}
			}
		}
	}
}
