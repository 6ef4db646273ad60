// Package fromproto turns messages of hypernas.v1 into values of package
// plugins. It trusts nothing: whatever a message holds, the functions return
// a value that follows the contract or an error.
package fromproto

import (
	"fmt"
	"math"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
)

// Description returns the description that m holds.
func Description(m *pb.Description) (plugins.Description, error) {
	d := plugins.Description{
		Name: m.GetName(), Version: int(m.GetVersion()), Summary: m.GetSummary(), Source: m.GetSource(), Notes: m.GetNotes(),
		PredictsLabels: m.GetPredictsLabels(), UsesPool: m.GetUsesPool(), Pretrains: m.GetPretrains(),
	}
	for _, o := range m.GetOptions() {
		d.Options = append(d.Options, plugins.Option{Name: o.GetName(), Default: o.GetDefault(), Summary: o.GetSummary(), Choices: o.GetChoices()})
	}
	if err := d.Validate(); err != nil {
		return plugins.Description{}, err
	}
	return d, nil
}

// Vocabulary returns the vocabulary that m holds. A kind of operation that is
// newer than this build becomes plugins.KindOther.
func Vocabulary(m *pb.Vocabulary) (plugins.Vocabulary, error) {
	v := plugins.Vocabulary{NodeAttrs: m.GetNodeAttrs(), CellAttrs: m.GetCellAttrs(), Numbers: m.GetNumbers()}
	for _, op := range m.GetOps() {
		kind := plugins.KindOther
		if _, ok := pb.OpKind_name[int32(op.GetKind())]; ok {
			kind = plugins.Kind(op.GetKind())
		}
		v.Ops = append(v.Ops, plugins.Op{Name: op.GetName(), Kind: kind, Kernel: int(op.GetKernel())})
	}
	if err := v.Validate(); err != nil {
		return plugins.Vocabulary{}, err
	}
	return v, nil
}

// SpaceInfo returns what m says of a space.
func SpaceInfo(m *pb.SpaceInfo) (plugins.SpaceInfo, error) {
	v, err := Vocabulary(m.GetVocabulary())
	if err != nil {
		return plugins.SpaceInfo{}, err
	}
	if m.GetRows() > math.MaxInt32 {
		return plugins.SpaceInfo{}, fmt.Errorf("space has %d rows, more than %d", m.GetRows(), math.MaxInt32)
	}
	s := plugins.SpaceInfo{
		Rows: int(m.GetRows()), Digest: m.GetDigest(), Vocabulary: v, Label: m.GetLabel(), Target: m.GetTarget(),
		License: m.GetLicense(), Citation: m.GetCitation(), Notes: m.GetNotes(),
	}
	for _, c := range m.GetColumns() {
		s.Columns = append(s.Columns, plugins.Column{
			Name: c.GetName(), Summary: c.GetSummary(), Unit: c.GetUnit(), Dataset: c.GetDataset(), Split: c.GetSplit(),
			Runs: int(c.GetRuns()), Epochs: int(c.GetEpochs()),
		})
	}
	if err := s.Validate(); err != nil {
		return plugins.SpaceInfo{}, err
	}
	return s, nil
}

// AppendIdentities appends the identities in b to dst.
func AppendIdentities(dst []plugins.Identity, b []byte) ([]plugins.Identity, error) {
	const size = len(plugins.Identity{})
	if len(b)%size != 0 {
		return dst, fmt.Errorf("identities have %d bytes, want %d each", len(b), size)
	}
	for ; len(b) > 0; b = b[size:] {
		dst = append(dst, plugins.Identity(b[:size]))
	}
	return dst, nil
}
