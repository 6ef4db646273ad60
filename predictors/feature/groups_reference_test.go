package feature_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/autoformer"
	"github.com/hypernas/hypernas/spaces/darts"
	"github.com/hypernas/hypernas/spaces/mnasnet"
	"github.com/hypernas/hypernas/spaces/nasbench201"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

// TestGroupsEqualThePrototypes compares the groups of four architectures of
// each space, made from the wire form, with those of the prototype that the
// recipe was found with, which read each space's own notation. Columns may
// stand in any order within a group.
func TestGroupsEqualThePrototypes(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "reference", "features.json"))
	if err != nil {
		t.Skipf("no reference beside the project: %v", err)
	}
	var spaces map[string]struct {
		Groups        []string
		CentreOnly    []string `json:"centre_only"`
		Architectures []struct {
			Architecture json.RawMessage
			Features     map[string][]float64
		}
	}
	if err := json.Unmarshal(data, &spaces); err != nil {
		t.Fatal(err)
	}
	open := map[string]func(registry.Source) plugins.Space{
		"mnasnet":          func(r registry.Source) plugins.Space { return mnasnet.New(r) },
		"autoformer-tiny":  func(r registry.Source) plugins.Space { return autoformer.New(r, autoformer.Tiny) },
		"autoformer-small": func(r registry.Source) plugins.Space { return autoformer.New(r, autoformer.Small) },
		"darts":            func(r registry.Source) plugins.Space { return darts.New(r) },
		"nasbench201":      func(r registry.Source) plugins.Space { return nasbench201.New(r) },
	}
	sets := map[string]string{"autoformer-tiny": "autoformer", "autoformer-small": "autoformer"}
	for name, want := range spaces {
		t.Run(name, func(t *testing.T) {
			space := open[name](registrytest.Mirror(t, cmp.Or(sets[name], name)))
			info, err := space.Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := space.Read(t.Context(), 0, info.Rows)
			if err != nil {
				t.Fatal(err)
			}
			v := &info.Vocabulary
			g := newGroups(t, v, &b)
			var names, centered []string
			for _, group := range g.List() {
				names = append(names, group.Name)
				if group.CenterOnly {
					centered = append(centered, group.Name)
				}
			}
			if !slices.Equal(names, want.Groups) || !slices.Equal(centered, want.CentreOnly) {
				t.Fatalf("got groups %v, of which %v are only centered, want %v and %v", names, centered, want.Groups, want.CentreOnly)
			}
			rows := make(map[string]int) // by notation
			for i := range b.Networks {
				rows[notation(name, v, &b.Networks[i])] = i
			}
			var got [][]float64
			for _, a := range want.Architectures {
				row := make([]float64, g.Dim())
				if name == "darts" {
					n := genotype(t, v, &b.Networks[0], a.Architecture)
					g.EncodeTo(row, &n, b.Row(0))
				} else {
					var flat bytesOf
					flat.read(t, a.Architecture)
					i, ok := rows[fmt.Sprint(flat)]
					if !ok {
						t.Fatalf("no row is %v", flat)
					}
					g.EncodeTo(row, &b.Networks[i], b.Row(i))
				}
				got = append(got, row)
			}
			for _, group := range g.List() {
				var ours, theirs [][]float64 // columns
				for j := group.From; j < group.To; j++ {
					ours = append(ours, column(got, j))
				}
				var reference [][]float64
				for _, a := range want.Architectures {
					reference = append(reference, a.Features[group.Name])
				}
				for j := range reference[0] {
					theirs = append(theirs, column(reference, j))
				}
				if len(ours) != len(theirs) {
					t.Errorf("%s: got %d columns, want %d", group.Name, len(ours), len(theirs))
					continue
				}
				slices.SortFunc(ours, slices.Compare)
				slices.SortFunc(theirs, slices.Compare)
				for j := range ours {
					for i := range ours[j] {
						if math.Abs(ours[j][i]-theirs[j][i]) > 1e-8 {
							t.Errorf("%s: sorted column %d is %v, want %v", group.Name, j, ours[j], theirs[j])
							break
						}
					}
				}
			}
		})
	}
}

// column returns column j of rows, rounded as the reference is.
func column(rows [][]float64, j int) []float64 {
	c := make([]float64, len(rows))
	for i := range rows {
		c[i] = math.Round(rows[i][j]*1e9) / 1e9
	}
	return c
}

// bytesOf is an architecture's notation without its brackets.
type bytesOf []float64

func (f *bytesOf) read(t *testing.T, data json.RawMessage) {
	t.Helper()
	var x float64
	if json.Unmarshal(data, &x) == nil {
		*f = append(*f, x)
		return
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, item := range list {
		f.read(t, item)
	}
}

// notation returns n as the reference writes it, without brackets.
func notation(space string, v *plugins.Vocabulary, n *plugins.Network) string {
	var f bytesOf
	steps := n.Searched()
	switch space {
	case "mnasnet":
		for _, s := range steps {
			nodes := n.Cells[s.Cell].Nodes
			gate := 0.0
			if v.Ops[nodes[3].Op].Kind == plugins.KindSqueezeExcite {
				gate = 1
			}
			f = append(f, s.Attrs[3], float64(v.Ops[nodes[2].Op].Kernel), float64(s.Repeat), gate)
		}
	case "nasbench201":
		for _, node := range n.Cells[steps[0].Cell].Nodes[1:7] {
			f = append(f, float64(node.Op-2))
		}
	case "autoformer-tiny", "autoformer-small":
		f = append(f, float64(len(steps)), steps[0].Attrs[0])
		for k, node := range []int{1, 2} {
			for _, s := range steps {
				f = append(f, n.Cells[s.Cell].Nodes[node].Attrs[k])
			}
		}
	}
	return fmt.Sprint(f)
}

// genotype returns like with the cells of a genotype: for each cell the source
// and the operation of each edge, two to a vertex.
func genotype(t *testing.T, v *plugins.Vocabulary, like *plugins.Network, data json.RawMessage) plugins.Network {
	t.Helper()
	var cells [2][8][2]int
	if err := json.Unmarshal(data, &cells); err != nil {
		t.Fatal(err)
	}
	n := plugins.Network{Cells: slices.Clone(like.Cells), Sequence: like.Sequence}
	for k, edges := range cells {
		c := plugins.Cell{Role: like.Cells[1+k].Role, Nodes: []plugins.Node{{}, {}}}
		read := func(from, to int) {
			if from < 2 {
				c.Edges = append(c.Edges, plugins.Edge{From: from, To: to})
				return
			}
			c.Edges = append(c.Edges, plugins.Edge{From: 2*from - 2, To: to}, plugins.Edge{From: 2*from - 1, To: to})
		}
		for _, e := range edges {
			read(e[0], len(c.Nodes))
			c.Nodes = append(c.Nodes, plugins.Node{Op: 2 + e[1]})
		}
		for vertex := 2; vertex < 6; vertex++ {
			read(vertex, len(c.Nodes))
		}
		c.Nodes = append(c.Nodes, plugins.Node{Op: 1})
		n.Cells[1+k] = c
	}
	if err := n.Validate(v); err != nil {
		t.Fatal(err)
	}
	return n
}
