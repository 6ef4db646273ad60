package kern

import "slices"

// Embed looks up a row of a table for each token. Inputs: tokens [B, L], each a
// whole number below V, table [V, D]. Output [B, L, D].
type Embed[T Float] struct {
	d int
}

// Shape implements [Kernel].
func (k *Embed[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("embedding", in, 2, 2); err != nil {
		return nil, err
	}
	k.d = in[1][1]
	return append(slices.Clone(in[0]), k.d), nil
}

// Differentiable implements [Kernel].
func (*Embed[T]) Differentiable(i int) bool { return i == 1 }

// Forward implements [Kernel].
func (k *Embed[T]) Forward(out []T, in [][]T) {
	for r, token := range in[0] {
		copy(out[r*k.d:(r+1)*k.d], in[1][int(token)*k.d:])
	}
}

// Backward implements [Kernel].
func (k *Embed[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[1] == nil {
		return
	}
	clear(gin[1])
	for r, token := range in[0] {
		addTo(gin[1][int(token)*k.d:(int(token)+1)*k.d], gout[r*k.d:])
	}
}

// Normalize divides the rows of its last axis by their Euclidean lengths; a row
// of length 0 stays so. Input: X [..., D]. Output like X.
type Normalize[T Float] struct {
	d      int
	length []T
}

// Shape implements [Kernel].
func (k *Normalize[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("normalization", in, -1); err != nil {
		return nil, err
	}
	k.d = in[0][len(in[0])-1]
	k.length = make([]T, Size(in[0])/k.d)
	return slices.Clone(in[0]), nil
}

// Differentiable implements [Kernel].
func (*Normalize[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *Normalize[T]) Forward(out []T, in [][]T) {
	for r := range k.length {
		x := in[0][r*k.d : (r+1)*k.d]
		var squares T
		for _, v := range x {
			squares += v * v
		}
		const least = 1e-12 // PyTorch's
		k.length[r] = max(sqrt(squares), least)
		for i, v := range x {
			out[r*k.d+i] = v / k.length[r]
		}
	}
}

// Backward implements [Kernel].
func (k *Normalize[T]) Backward(gin, _ [][]T, out, gout []T) {
	if gin[0] == nil {
		return
	}
	for r, length := range k.length {
		y, g := out[r*k.d:(r+1)*k.d], gout[r*k.d:(r+1)*k.d]
		var dot T
		for i, v := range g {
			dot += v * y[i]
		}
		for i, v := range g {
			gin[0][r*k.d+i] = (v - y[i]*dot) / length
		}
	}
}

// LSTM is a layer of long short-term memory (Hochreiter and Schmidhuber 1997)
// as PyTorch has it:
//
//	i, f, o = sigmoid(x W + h U + b), g = tanh(x W + h U + b)
//	c' = f c + i g, h' = o tanh(c')
//
// with the gates in the order i, f, g, o. Inputs: X [B, L, D], W [D, 4H],
// U [H, 4H], b [4H], mask [B, L] and, optionally, s [B, H], which h and c begin
// with (else with 0). Output: all h [B, L, H]. Where the mask is 0, h and c stay
// as they were. With Reverse the sequence is read from its end.
type LSTM[T Float] struct {
	Reverse bool

	b, l, d, h int
	start      bool
	mul        Multiplier[T]
	x          []T // X by time, [L, B, D]
	gates      []T // after their functions, by time, [L, B, 4H]
	cells      []T // c, by time, with the first state before, [L+1, B, H]
	hidden     []T // h, likewise
	squashed   []T // tanh(c), by time, [L, B, H]
	gateGrads  []T // [L, B, 4H]
	dh, dc     []T // [B, H]
	back       []T // [B, H]
	inputGrads []T // [L, B, D]
	ones       []T
}

// Shape implements [Kernel].
func (k *LSTM[T]) Shape(in ...[]int) ([]int, error) {
	k.start = len(in) == 6
	ranks := []int{3, 2, 2, 1, 2}
	if k.start {
		ranks = append(ranks, 2)
	}
	if err := expect("lstm", in, ranks...); err != nil {
		return nil, err
	}
	k.b, k.l, k.d, k.h = in[0][0], in[0][1], in[0][2], in[2][0]
	err := firstError(mismatch("lstm", "W", in[1], k.d, 4*k.h), mismatch("lstm", "U", in[2], k.h, 4*k.h),
		mismatch("lstm", "b", in[3], 4*k.h), mismatch("lstm", "mask", in[4], k.b, k.l))
	if k.start {
		err = firstError(err, mismatch("lstm", "state", in[5], k.b, k.h))
	}
	if err != nil {
		return nil, err
	}
	rows, state := k.l*k.b, k.b*k.h
	k.x, k.inputGrads = make([]T, rows*k.d), make([]T, rows*k.d)
	k.gates, k.gateGrads = make([]T, rows*4*k.h), make([]T, rows*4*k.h)
	k.cells, k.hidden, k.squashed = make([]T, rows*k.h+state), make([]T, rows*k.h+state), make([]T, rows*k.h)
	k.dh, k.dc, k.back = make([]T, state), make([]T, state), make([]T, state)
	k.ones = ones[T](rows)
	return []int{k.b, k.l, k.h}, nil
}

// Differentiable implements [Kernel].
func (*LSTM[T]) Differentiable(i int) bool { return i != 4 }

// place returns which element of the sequence comes at step t.
func (k *LSTM[T]) place(t int) int {
	if k.Reverse {
		return k.l - 1 - t
	}
	return t
}

// Forward implements [Kernel].
func (k *LSTM[T]) Forward(out []T, in [][]T) {
	rows, state, h := k.l*k.b, k.b*k.h, k.h
	for t := range k.l {
		for b := range k.b {
			copy(k.x[(t*k.b+b)*k.d:(t*k.b+b+1)*k.d], in[0][(b*k.l+k.place(t))*k.d:])
		}
	}
	fillRows(k.gates, in[3])
	k.mul.MulTo(k.gates, k.x, in[1], NN, rows, 4*h, k.d, true)
	clear(k.hidden[:state])
	clear(k.cells[:state])
	if k.start {
		copy(k.hidden, in[5])
		copy(k.cells[:state], in[5])
	}
	for t := range k.l {
		gates := k.gates[t*state*4 : (t+1)*state*4]
		k.mul.MulTo(gates, k.hidden[t*state:], in[2], NN, k.b, 4*h, h, true)
		for b := range k.b {
			g := gates[b*4*h+2*h : b*4*h+3*h]
			for i := range g {
				g[i] *= 2
			}
		}
		sigmoidTo(gates, gates)
		cells, hidden := k.cells[(t+1)*state:(t+2)*state], k.hidden[(t+1)*state:(t+2)*state]
		squashed := k.squashed[t*state : (t+1)*state]
		for b := range k.b {
			at := b * h
			if in[4][b*k.l+k.place(t)] == 0 {
				copy(cells[at:at+h], k.cells[t*state+at:])
				continue
			}
			g := gates[b*4*h : (b+1)*4*h]
			before := k.cells[t*state+at : t*state+at+h]
			for i, c := range before {
				candidate := 2*g[2*h+i] - 1 // tanh(x) = 2 sigmoid(2x) - 1
				g[2*h+i] = candidate
				cells[at+i] = g[h+i]*c + g[i]*candidate
			}
		}
		for i, c := range cells {
			squashed[i] = 2 * c
		}
		sigmoidTo(squashed, squashed)
		for i, s := range squashed {
			squashed[i] = 2*s - 1
		}
		for b := range k.b {
			at := b * h
			if in[4][b*k.l+k.place(t)] == 0 {
				copy(hidden[at:at+h], k.hidden[t*state+at:])
			} else {
				mulTo(hidden[at:at+h], gates[b*4*h+3*h:(b+1)*4*h], squashed[at:])
			}
			copy(out[(b*k.l+k.place(t))*h:(b*k.l+k.place(t)+1)*h], hidden[at:at+h])
		}
	}
}

// Backward implements [Kernel].
func (k *LSTM[T]) Backward(gin, in [][]T, _, gout []T) {
	rows, state, h := k.l*k.b, k.b*k.h, k.h
	clear(k.dh)
	clear(k.dc)
	for t := k.l - 1; t >= 0; t-- {
		gates, grads := k.gates[t*state*4:(t+1)*state*4], k.gateGrads[t*state*4:(t+1)*state*4]
		for b := range k.b {
			at := b * h
			addTo(k.dh[at:at+h], gout[(b*k.l+k.place(t))*h:])
			d := grads[b*4*h : (b+1)*4*h]
			if in[4][b*k.l+k.place(t)] == 0 {
				clear(d)
				continue
			}
			g := gates[b*4*h : (b+1)*4*h]
			before, squashed := k.cells[t*state+at:t*state+at+h], k.squashed[t*state+at:t*state+at+h]
			dh, dc := k.dh[at:at+h], k.dc[at:at+h]
			for i, s := range squashed {
				input, forget, candidate, output := g[i], g[h+i], g[2*h+i], g[3*h+i]
				c := dc[i] + dh[i]*output*(1-s*s)
				d[i] = c * candidate * input * (1 - input)
				d[h+i] = c * before[i] * forget * (1 - forget)
				d[2*h+i] = c * input * (1 - candidate*candidate)
				d[3*h+i] = dh[i] * s * output * (1 - output)
				dc[i] = c * forget
			}
		}
		k.mul.MulTo(k.back, grads, in[2], NT, k.b, h, 4*h, false)
		for b := range k.b {
			if in[4][b*k.l+k.place(t)] != 0 {
				copy(k.dh[b*h:(b+1)*h], k.back[b*h:])
			}
		}
	}
	if gin[0] != nil {
		k.mul.MulTo(k.inputGrads, k.gateGrads, in[1], NT, rows, k.d, 4*h, false)
		for t := range k.l {
			for b := range k.b {
				copy(gin[0][(b*k.l+k.place(t))*k.d:(b*k.l+k.place(t)+1)*k.d], k.inputGrads[(t*k.b+b)*k.d:])
			}
		}
	}
	if gin[1] != nil {
		k.mul.MulTo(gin[1], k.x, k.gateGrads, TN, k.d, 4*h, rows, false)
	}
	if gin[2] != nil {
		k.mul.MulTo(gin[2], k.hidden, k.gateGrads, TN, h, 4*h, rows, false)
	}
	if gin[3] != nil {
		k.mul.MulTo(gin[3], k.ones, k.gateGrads, NN, 1, 4*h, rows, false)
	}
	if k.start && gin[5] != nil {
		copy(gin[5], k.dh)
		addTo(gin[5], k.dc)
	}
}
