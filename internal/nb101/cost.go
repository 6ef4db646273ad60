package nb101

// The network around the modules (config.py of google-research/nasbench, and
// CIFAR-10's images of three channels).
const (
	imageChannels   = 3
	stemChannels    = 128
	numStacks       = 3
	modulesPerStack = 3
	numLabels       = 10
)

// NumStages is the number of stacks of modules.
const NumStages = numStacks

// ModulesPerStage is how often a module follows itself in a stack.
const ModulesPerStage = modulesPerStack

// Stage returns the channels of the output of a stack, 0 to NumStages-1, and
// the side of its images in pixels.
func Stage(stack int) (channels, side int) { return stemChannels << stack, 32 >> stack }

// Params returns the number of trained parameters of the module's network:
// convolution weights, a scale and a shift for each channel that is
// normalized, and the linear layer. It depends on the order of vertices by the
// odd channels of widths.
func (m Module) Params() int {
	params := imageChannels*stemChannels*9 + 2*stemChannels + stemChannels<<(numStacks-1)*numLabels + numLabels
	m.walk(func(weights, channels, _ int) { params += weights + 2*channels })
	return params
}

// FLOPs returns the number of multiply-adds of the convolutions and of the
// linear layer for one image; normalization, pooling and sums are not counted.
func (m Module) FLOPs() int {
	flops := imageChannels*stemChannels*9*32*32 + stemChannels<<(numStacks-1)*numLabels
	m.walk(func(weights, _, side int) { flops += weights * side * side })
	return flops
}

// walk calls visit for every convolution of the nine modules with the number
// of its weights, its output channels, and the side of the images.
func (m Module) walk(visit func(weights, channels, side int)) {
	n := m.Vertices()
	in := stemChannels
	for stack := range numStacks {
		out, side := Stage(stack)
		widths := m.widths(out)
		for range modulesPerStack {
			for v := 1; v < n; v++ {
				w := widths[v]
				if m.Edge(0, v) {
					visit(in*w, w, side)
				}
				if v < n-1 && m.Op(v) != MaxPool3x3 {
					k := m.Op(v).Kernel()
					visit(k*k*w*w, w, side)
				}
			}
			in = out
		}
	}
}

// widths returns the channels of each vertex but the input in a module of the
// given output channels: those are divided among the inner vertices that the
// output reads, the first of them taking one more while there is a remainder,
// and any other vertex is as wide as the widest that reads it
// (compute_vertex_channels of model_builder.py).
func (m Module) widths(channels int) [MaxVertices]int {
	var widths [MaxVertices]int
	n := m.Vertices()
	widths[n-1] = channels
	parts := 0
	for v := 1; v < n-1; v++ {
		if m.Edge(v, n-1) {
			parts++
		}
	}
	rest := 0
	if parts > 0 {
		rest = channels % parts
	}
	for v := 1; v < n-1; v++ {
		if m.Edge(v, n-1) {
			widths[v] = channels / parts
			if rest > 0 {
				widths[v]++
				rest--
			}
		}
	}
	for v := n - 3; v > 0; v-- {
		if m.Edge(v, n-1) {
			continue
		}
		for u := v + 1; u < n-1; u++ {
			if m.Edge(v, u) {
				widths[v] = max(widths[v], widths[u])
			}
		}
	}
	return widths
}
