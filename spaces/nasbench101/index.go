package nasbench101

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/internal/nb101"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
)

// index finds modules by their hash. It is a table sorted by hash, in rows of
// indexRow bytes: hash, module (little-endian), identity.
type index []byte

const (
	indexModule   = len(nb101.Hash{})
	indexIdentity = indexModule + 4
	indexRow      = indexIdentity + len(dag.Identity{})
)

// openIndex returns the index of all modules of up to so many vertices, from
// the source if it is kept there.
func openIndex(source registry.Source, vertices int) (index, error) {
	// The version rises whenever hashes, graphs or identities change.
	name := fmt.Sprintf("nasbench101-modules-%d.v1", vertices)
	table, err := source.Derive(name, func() ([]byte, error) { return buildIndex(vertices), nil })
	if err != nil {
		return nil, err
	}
	if len(table) == 0 || len(table)%indexRow != 0 {
		return nil, fmt.Errorf("%s has %d bytes, want rows of %d", name, len(table), indexRow)
	}
	return table, nil
}

func buildIndex(vertices int) index {
	modules := nb101.Enumerate(vertices)
	hashes, identities := nb101.Hashes(modules), nb101.Identities(modules)
	order := make([]int, len(modules))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(hashes[a][:], hashes[b][:]) })
	table := make(index, 0, len(modules)*indexRow)
	for _, i := range order {
		table = append(table, hashes[i][:]...)
		table = binary.LittleEndian.AppendUint32(table, uint32(modules[i]))
		table = append(table, identities[i][:]...)
	}
	return table
}

// find returns the module of a hash and its identity.
func (x index) find(h nb101.Hash) (nb101.Module, plugins.Identity, bool) {
	n := len(x) / indexRow
	i := sort.Search(n, func(i int) bool { return bytes.Compare(x[i*indexRow:i*indexRow+len(h)], h[:]) >= 0 })
	if i == n || !bytes.Equal(x[i*indexRow:i*indexRow+len(h)], h[:]) {
		return 0, plugins.Identity{}, false
	}
	row := x[i*indexRow : (i+1)*indexRow]
	return nb101.Module(binary.LittleEndian.Uint32(row[indexModule:])), plugins.Identity(row[indexIdentity:]), true
}
