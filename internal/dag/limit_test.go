package dag

import (
	"errors"
	"testing"
)

func TestWorkIsLimited(t *testing.T) {
	// Every pair of six inputs, as a complete graph's edges.
	var g Graph
	for range 6 {
		g = append(g, Node{Kind: Input})
	}
	out := Node{Kind: Output}
	for u := range 6 {
		for v := range u {
			out.In = append(out.In, len(g))
			g = append(g, Node{Kind: Weighted, In: []int{u, v}})
		}
	}
	g = append(g, out)

	identifier := Identifier{canonizer: canonizer{limit: 100}}
	if _, err := identifier.Identify(g); !errors.Is(err, ErrTooSymmetric) {
		t.Errorf("with little work allowed: %v, want ErrTooSymmetric", err)
	}
	want, err := Identify(g)
	if err != nil {
		t.Fatal(err)
	}
	identifier.limit = maxWork
	if got, err := identifier.Identify(g); err != nil || got != want {
		t.Errorf("after a refusal: %v, %v, want %v", got, err, want)
	}
}
