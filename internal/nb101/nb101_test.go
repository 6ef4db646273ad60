package nb101_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/internal/nb101"
)

// parse returns a module from the rows of its adjacency matrix and the labels
// of its inner vertices.
func parse(t *testing.T, adjacency string, ops ...nb101.Op) nb101.Module {
	t.Helper()
	operations := "input"
	for _, op := range ops {
		operations += "," + op.String()
	}
	m, err := nb101.Parse(adjacency, operations+",output")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	c3   = nb101.Conv3x3
	c1   = nb101.Conv1x1
	pool = nb101.MaxPool3x3
)

func TestHash(t *testing.T) {
	for _, test := range []struct {
		m    nb101.Module
		want string
	}{
		// The first module of the published data.
		{parse(t, "0100110"+"0010000"+"0001001"+"0000010"+"0000010"+"0000001"+"0000000", c3, pool, c3, c3, c1), "00005c142e6f48ac74fdcf73e3439874"},
		// The module of the NAS-Bench-101 paper's API example, by hash_module of
		// testdata/enumerate.py.
		{parse(t, "0111010"+"0000001"+"0000001"+"0000100"+"0000001"+"0000001"+"0000000", c1, c3, c3, c3, pool), "28cfc7874f6d200472e1a9dcd8650aa0"},
	} {
		if got := test.m.Hash().String(); got != test.want {
			t.Errorf("hash of %#x is %s, want %s", uint32(test.m), got, test.want)
		}
	}
}

func TestParseHash(t *testing.T) {
	good := "00005c142e6f48ac74fdcf73e3439874"
	if h, ok := nb101.ParseHash(good); !ok || h.String() != good {
		t.Errorf("ParseHash(%s) = %s, %v", good, h, ok)
	}
	for _, bad := range []string{"", good[1:], good + "0", good[:31] + "g", "00005C142e6f48ac74fdcf73e3439874"} {
		if _, ok := nb101.ParseHash(bad); ok {
			t.Errorf("ParseHash(%q) is no error", bad)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, adjacency, operations string }{
		{"nothing", "", ""},
		{"no output", "0", "input"},
		{"eight vertices", "", "input,a,b,c,d,e,f,output"},
		{"short adjacency", "010001", "input,conv3x3-bn-relu,output"},
		{"an edge down", "010001100", "input,conv3x3-bn-relu,output"},
		{"a loop", "110001000", "input,conv3x3-bn-relu,output"},
		{"a digit that is none", "020001000", "input,conv3x3-bn-relu,output"},
		{"unknown operation", "010001000", "input,conv5x5-bn-relu,output"},
		{"input last", "010001000", "output,conv3x3-bn-relu,input"},
		{"a vertex nobody reads", "011000000", "input,conv3x3-bn-relu,output"},
		{"a vertex that reads nothing", "001001000", "input,conv3x3-bn-relu,output"},
		{"ten edges", "01111" + "00111" + "00011" + "00001" + "00000", "input,maxpool3x3,maxpool3x3,maxpool3x3,output"},
	} {
		if m, err := nb101.Parse(test.adjacency, test.operations); err == nil {
			t.Errorf("%s: got module %#x, want an error", test.name, uint32(m))
		}
	}
}

// TestCost compares parameters and multiply-adds with sums by hand.
func TestCost(t *testing.T) {
	const (
		stem   = 3*128*9 + 2*128
		linear = 512*10 + 10
		// Projections of the input to the output's width, in the nine modules.
		project = 3*(128*128+2*128) + (128*256 + 2*256) + 2*(256*256+2*256) + (256*512 + 2*512) + 2*(512*512+2*512)
	)
	for _, test := range []struct {
		name          string
		m             nb101.Module
		params, flops int
	}{
		{"input to output", parse(t, "0100"), stem + project + linear, 137_761_792},
		{
			"one 3x3 convolution", parse(t, "010001000", c3),
			stem + project + 3*(9*128*128+2*128) + 3*(9*256*256+2*256) + 3*(9*512*512+2*512) + linear,
			137_761_792 + 3*9*(128*128*1024+256*256*256+512*512*64),
		},
		{
			// Pooling has no weights, but its input is projected.
			"one pooling, input added", parse(t, "011001000", pool),
			stem + 2*project + linear,
			2*137_761_792 - (3*128*9*1024 + 5120),
		},
		{
			// The three vertices are 43, 43 and 42 wide, then 86, 85, 85, then
			// 171, 171, 170: only the last reads another, which has no effect
			// on its width.
			"three ways", parse(t, "01100"+"00001"+"00011"+"00001"+"00000", c1, pool, c1),
			stem + linear +
				3*(128*86+2*86+43*43+2*43+42*42+2*42) +
				(128*171 + 2*171) + 2*(256*171+2*171) + 3*(86*86+2*86+85*85+2*85) +
				(256*342 + 2*342) + 2*(512*342+2*342) + 3*(171*171+2*171+170*170+2*170),
			3*128*9*1024 + 5120 +
				1024*3*(128*86+43*43+42*42) +
				256*(128*171+2*256*171+3*(86*86+85*85)) +
				64*(256*342+2*512*342+3*(171*171+170*170)),
		},
	} {
		if got := test.m.Params(); got != test.params {
			t.Errorf("%s: %d parameters, want %d", test.name, got, test.params)
		}
		if got := test.m.FLOPs(); got != test.flops {
			t.Errorf("%s: %d multiply-adds, want %d", test.name, got, test.flops)
		}
	}
}

func TestIdentity(t *testing.T) {
	for _, test := range []struct {
		name string
		a, b nb101.Module
		want bool
	}{
		{
			"of two equal poolings one is read twice, or each once",
			parse(t, "0100000"+"0011000"+"0000110"+"0000001"+"0000001"+"0000001"+"0000000", c3, pool, pool, c1, c3),
			parse(t, "0100000"+"0011000"+"0000100"+"0000011"+"0000001"+"0000001"+"0000000", c3, pool, pool, c1, c3), true,
		},
		{
			"a convolution that is read twice is not two convolutions",
			parse(t, "0100000"+"0011000"+"0000100"+"0000010"+"0000001"+"0000001"+"0000000", c3, c1, c1, c1, c3),
			parse(t, "010000"+"001000"+"000110"+"000001"+"000001"+"000000", c3, c1, c1, c3), false,
		},
		{
			"a pooling and its copy for another reader",
			parse(t, "0100000"+"0011000"+"0000100"+"0000010"+"0000001"+"0000001"+"0000000", c3, pool, pool, c1, c3),
			parse(t, "010000"+"001000"+"000110"+"000001"+"000001"+"000000", c3, pool, c1, c3), true,
		},
		{
			"each edge from the input has a projection of its own",
			parse(t, "011000"+"000100"+"000010"+"000001"+"000001"+"000000", pool, pool, c1, c3),
			parse(t, "01000"+"00110"+"00001"+"00001"+"00000", pool, c1, c3), false,
		},
		{
			"an added input is not a concatenated one",
			parse(t, "0101"+"0010"+"0001"+"0000", c3, c1),
			parse(t, "0100"+"0011"+"0001"+"0000", c3, c1), false,
		},
	} {
		a, err := dag.Identify(test.a.Graph())
		if err != nil {
			t.Fatal(err)
		}
		b, err := dag.Identify(test.b.Graph())
		if err != nil {
			t.Fatal(err)
		}
		if got := a == b; got != test.want {
			t.Errorf("%s: equal is %v, want %v", test.name, got, test.want)
		}
	}
}

// counts is the number of modules and of identities of up to so many vertices,
// as testdata/enumerate.py prints them.
var counts = map[int]struct{ modules, identities int }{
	5: {2532, 2532}, 7: {nb101.NumModules, 419052},
}

func TestEnumerate(t *testing.T) {
	vertices := nb101.MaxVertices
	if raceEnabled || testing.Short() {
		vertices = 5 // make test-kernels runs the whole of it
	}
	all := nb101.Enumerate(vertices)
	if got, want := len(all), counts[vertices].modules; got != want {
		t.Fatalf("%d modules of up to %d vertices, want %d", got, vertices, want)
	}
	graphs := sha256.New()
	for i, m := range all {
		if err := m.Validate(); err != nil {
			t.Fatalf("module %d: %v", i, err)
		}
		n := m.Vertices()
		fmt.Fprintf(graphs, "%d %d ", n, m&(1<<21-1))
		for v := 1; v < n-1; v++ {
			fmt.Fprint(graphs, uint8(m.Op(v)))
		}
		fmt.Fprintln(graphs)
	}
	hashes := nb101.Hashes(all)
	slices.SortFunc(hashes, func(a, b nb101.Hash) int { return bytes.Compare(a[:], b[:]) })
	if got := len(slices.Compact(slices.Clone(hashes))); got != len(hashes) {
		t.Errorf("%d distinct hashes of %d modules", got, len(hashes))
	}
	digest := sha256.New()
	for _, h := range hashes {
		digest.Write(h[:])
	}
	identities := nb101.Identities(all)
	slices.SortFunc(identities, func(a, b dag.Identity) int { return bytes.Compare(a[:], b[:]) })
	if got, want := len(slices.Compact(identities)), counts[vertices].identities; got != want {
		t.Errorf("%d identities, want %d", got, want)
	}
	// testdata/enumerate.py prints both.
	want := map[int][2]string{
		5: {"cab01485284070772f05fdde263c4bb10b4b332662ded5fb8af89ff80514df73", "fea4f945803a43c90de8818b89b4051fda7120f2186483a7ca1d62808d1d13b4"},
		7: {"13bb1f0fa98c75fcbc269a7f011cf12245f8c9e0e6fc3eb94add6dcbdfba09db", "ff83bf7e4e97f06328563ad61fbd045f05420faee6bdd8f42efaae8e2870708d"},
	}[vertices]
	if got := hex.EncodeToString(digest.Sum(nil)); got != want[0] {
		t.Errorf("SHA-256 over the sorted hashes is %s, want %s", got, want[0])
	}
	if got := hex.EncodeToString(graphs.Sum(nil)); got != want[1] {
		t.Errorf("SHA-256 over the graphs is %s, want %s", got, want[1])
	}
}

// TestOrderOfVertices renames vertices: the hash stays, and so does the
// identity.
func TestOrderOfVertices(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	all := nb101.Enumerate(6)
	for range 2000 {
		m := all[rng.IntN(len(all))]
		got, ok := renamed(m, rng)
		if !ok {
			continue
		}
		if got.Hash() != m.Hash() {
			t.Fatalf("hashes of %#x and %#x differ", uint32(m), uint32(got))
		}
		a, errA := dag.Identify(m.Graph())
		b, errB := dag.Identify(got.Graph())
		if errA != nil || errB != nil || a != b {
			t.Fatalf("identities of %#x and %#x differ: %v, %v", uint32(m), uint32(got), errA, errB)
		}
		adjacency, operations := got.Format()
		if back, err := nb101.Parse(adjacency, operations); err != nil || back != got {
			t.Fatalf("Parse(%s, %s) = %#x, %v, want %#x", adjacency, operations, uint32(back), err, uint32(got))
		}
	}
}

// renamed exchanges two inner vertices, if edges still lead upwards then.
func renamed(m nb101.Module, rng *rand.Rand) (nb101.Module, bool) {
	n := m.Vertices()
	if n < 4 {
		return 0, false
	}
	p := make([]int, n)
	for v := range p {
		p[v] = v
	}
	a, b := 1+rng.IntN(n-2), 1+rng.IntN(n-2)
	p[a], p[b] = b, a
	adjacency := bytes.Repeat([]byte{'0'}, n*n)
	ops := make([]string, n)
	for x := range n {
		ops[p[x]] = "input"
		if x == n-1 {
			ops[x] = "output"
		} else if x > 0 {
			ops[p[x]] = m.Op(x).String()
		}
		for y := x + 1; y < n; y++ {
			if m.Edge(x, y) {
				adjacency[p[x]*n+p[y]] = '1'
			}
		}
	}
	operations := ops[0]
	for _, op := range ops[1:] {
		operations += "," + op
	}
	renamed, err := nb101.Parse(string(adjacency), operations)
	return renamed, err == nil
}

func BenchmarkEnumerate(b *testing.B) {
	for b.Loop() {
		nb101.Hashes(nb101.Enumerate(nb101.MaxVertices))
	}
}
