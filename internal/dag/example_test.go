package dag_test

import (
	"fmt"

	"github.com/hypernas/hypernas/internal/dag"
)

// Two cells compute the same: the skip is what it reads, the convolution after
// none is dead, and the two poolings of one input are one value used twice.
func ExampleIdentify() {
	a, err := dag.Identify(dag.Graph{
		{Kind: dag.Input},
		{Kind: dag.Weighted, Label: "conv_3x3", In: []int{0}},
		{Kind: dag.Weightless, Label: "avg_pool_3x3", In: []int{1}},
		{Kind: dag.Output, In: []int{2, 2}},
	})
	if err != nil {
		panic(err)
	}
	b, err := dag.Identify(dag.Graph{
		{Kind: dag.Input},
		{Kind: dag.None, In: []int{0}},
		{Kind: dag.Weighted, Label: "conv_1x1", In: []int{1}},
		{Kind: dag.Weighted, Label: "conv_3x3", In: []int{0}},
		{Kind: dag.Skip, In: []int{3}},
		{Kind: dag.Weightless, Label: "avg_pool_3x3", In: []int{3}},
		{Kind: dag.Weightless, Label: "avg_pool_3x3", In: []int{4}},
		{Kind: dag.Output, In: []int{2, 5, 6}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(a == b)
	// Output: true
}
