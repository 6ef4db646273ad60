// Package images draws the generated pictures that the bundled search space is trained on and that HyperNAS's
// auxiliary task uses (its training images only): small gray pictures of a striped shape under noise, jitter and
// clutter, in ten classes. Nothing is downloaded, and nothing depends on the clock or on the platform: every
// operation is integer arithmetic or one correctly rounded IEEE 754 operation (+, -, *, / and square root, each
// converted explicitly so that no compiler may fuse two), so the pixels have the same bits everywhere.
package images

import (
	"math"
	"math/rand/v2"
)

// Version names the recipe of the pictures. It changes whenever any pixel of any set does; a test pins a digest.
const Version = "striped-shapes-1"

const (
	// Side is the width and height of a picture in pixels.
	Side = 16
	// Shapes is the number of outlines: disc, square, triangle, cross and ring.
	Shapes = 5
	// Classes is the number of labels: each outline with stripes in either of two directions.
	Classes = 2 * Shapes
)

// Constants of the recipe. They were set by pilots, see docs/bundled.md: hard enough that accuracies
// spread, easy enough that a good cell is well above a bad one after four epochs.
const (
	noise     = 0.15 // standard deviation of the pixel noise, of a range of one
	jitter    = 1.5  // largest shift of the shape's center, in pixels, along each axis
	contrast  = 0.8  // largest height of the shape above the background
	rotation  = 0.3  // largest rotation of shape and stripes, in radians (of the half-angle's tangent, twice)
	minRadius = 4.0  // smallest radius of a shape, in pixels
	maxRadius = 6.0  // largest radius
	period    = 4.0  // of the stripes, in pixels
	segments  = 1    // clutter: straight strokes that mean nothing
	// background is the mean gray of an empty pixel, of a range of one.
	background = 0.3
)

// Split says which of the three disjointly seeded sets a picture belongs to.
type Split uint64

// The splits. Their numbers select the generator's stream, so they must not change.
const (
	Training Split = 1 + iota
	Validation
	Test
)

// Set is n pictures with their labels.
type Set struct {
	// Pixels is n x Side x Side, row by row; each value is a multiple of 1/64 in [-2, 2), zero at mid-gray.
	Pixels []float32
	// Labels is n classes: 2*shape + direction of the stripes. Picture i has label i mod Classes.
	Labels []uint8
}

// Len returns the number of pictures.
func (s Set) Len() int { return len(s.Labels) }

// Draw returns the first n pictures of a split. Splits and seeds have generators of their own (PCG with the seed as
// state and the split as stream), so a longer set begins with the shorter one, and no two splits share a picture.
func Draw(split Split, n int, seed uint64) Set {
	s := Set{Pixels: make([]float32, n*Side*Side), Labels: make([]uint8, n)}
	g := generator{rand.NewPCG(seed, uint64(split))}
	for i := range n {
		s.Labels[i] = uint8(i % Classes)
		g.draw(s.Pixels[i*Side*Side:(i+1)*Side*Side], i%Classes)
	}
	return s
}

// Train returns the first n training pictures of a seed: what an auxiliary task may see without touching the
// pictures that score the bundled space.
func Train(n int, seed uint64) Set { return Draw(Training, n, seed) }

type generator struct{ src *rand.PCG }

// unit returns a multiple of 2^-32 in [0, 1).
func (g generator) unit() float64 { return float64(g.src.Uint64()>>32) / (1 << 32) }

// between returns a number in [low, high).
func (g generator) between(low, high float64) float64 {
	return low + float64(g.unit()*(high-low))
}

// normal returns an approximately normal number of variance one: the sum of four 16-bit uniform numbers, centerd
// (Irwin-Hall with n = 4, bounded by 2*sqrt(3)). It needs no logarithm, so it is exact everywhere.
func (g generator) normal() float64 {
	u := g.src.Uint64()
	sum := float64(u&0xffff + u>>16&0xffff + u>>32&0xffff + u>>48)
	const center = 2 * 0xffff
	const scale = 1.7320508075688772 / 0x10000 // sqrt(12/4) over the uniform numbers' range
	return float64((sum - center) * scale)
}

// draw paints one picture of a class into 256 pixels.
func (g generator) draw(dst []float32, class int) {
	shape, vertical := class/2, class%2 == 1
	cx := g.between(Side/2-0.5-jitter, Side/2-0.5+jitter)
	cy := g.between(Side/2-0.5-jitter, Side/2-0.5+jitter)
	radius := g.between(minRadius, maxRadius)
	height := float64(contrast * g.between(0.6, 1))
	phase := g.between(0, period)
	// A rotation by 2*atan(t) has a rational cosine and sine.
	t := g.between(-rotation/2, rotation/2)
	t2 := float64(t * t)
	cos, sin := (1-t2)/(1+t2), float64(2*t)/(1+t2)

	var stroke [segments]line
	for i := range stroke {
		stroke[i] = g.line()
	}
	for y := range Side {
		for x := range Side {
			dx, dy := float64(x)-cx, float64(y)-cy
			u := float64(cos*dx) + float64(sin*dy)
			v := float64(cos*dy) - float64(sin*dx)
			cover := clamp(0.5 - distance(shape, u, v, radius))
			along := u
			if !vertical {
				along = v
			}
			value := background + float64(float64(cover*height)*stripe(along+phase))
			for _, l := range stroke {
				value += float64(l.height * clamp(1-l.distance(float64(x), float64(y))))
			}
			value += float64(noise * g.normal())
			dst[y*Side+x] = quantize(value)
		}
	}
}

// distance returns roughly how far (u, v) lies outside a shape of a radius around the origin; negative inside.
func distance(shape int, u, v, radius float64) float64 {
	au, av := math.Abs(u), math.Abs(v)
	switch shape {
	case 0: // disc
		return norm(u, v) - float64(0.95*radius)
	case 1: // square
		return max(au, av) - float64(0.85*radius)
	case 2: // triangle, standing on its base
		slope := float64(0.87*au) - float64(0.5*v)
		return max(v, slope) - float64(0.6*radius)
	case 3: // cross
		arm := float64(0.38 * radius)
		return max(min(au, av)-arm, max(au, av)-radius)
	default: // ring
		return math.Abs(norm(u, v)-float64(0.72*radius)) - float64(0.3*radius)
	}
}

// stripe is a triangle wave between -0.5 and 1 with the recipe's period.
func stripe(x float64) float64 {
	x /= period
	x -= math.Floor(x)
	return -0.5 + float64(1.5*math.Abs(float64(2*x)-1))
}

// line is a stroke from (x, y) along the unit vector (ux, uy).
type line struct{ x, y, ux, uy, length, height float64 }

func (g generator) line() line {
	l := line{x: g.between(0, Side), y: g.between(0, Side), length: g.between(4, 10), height: g.between(0.3, 0.7)}
	// A direction drawn from the square and scaled to the unit circle; the guard keeps it away from zero.
	l.ux, l.uy = g.between(-1, 1), g.between(-1, 1)
	n := norm(l.ux, l.uy)
	if n < 1e-3 {
		l.ux, l.uy, n = 1, 0, 1
	}
	l.ux /= n
	l.uy /= n
	return l
}

// distance returns how far a pixel lies from the stroke.
func (l line) distance(x, y float64) float64 {
	dx, dy := x-l.x, y-l.y
	along := float64(dx*l.ux) + float64(dy*l.uy)
	along = min(max(along, 0), l.length)
	return norm(dx-float64(along*l.ux), dy-float64(along*l.uy))
}

func norm(x, y float64) float64 { return math.Sqrt(float64(x*x) + float64(y*y)) }

func clamp(x float64) float64 { return min(max(x, 0), 1) }

// quantize rounds a gray value of nominal range one to 8 bits, as a picture file would hold it, and centers it.
func quantize(v float64) float32 {
	b := math.Floor(float64(v*128) + 64.5)
	b = min(max(b, 0), 255)
	return float32(b-128) / 64
}
