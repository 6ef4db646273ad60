// Package toproto turns the values of package plugins into messages of
// hypernas.v1.
package toproto

import (
	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
)

// Description returns d as a message.
func Description(d plugins.Description) *pb.Description {
	m := &pb.Description{
		Name: d.Name, Version: int32(d.Version), Summary: d.Summary, Source: d.Source, Notes: d.Notes,
		PredictsLabels: d.PredictsLabels, UsesPool: d.UsesPool, Pretrains: d.Pretrains,
	}
	for _, o := range d.Options {
		m.Options = append(m.Options, &pb.Option{Name: o.Name, Default: o.Default, Summary: o.Summary, Choices: o.Choices})
	}
	return m
}

// Vocabulary returns v as a message.
func Vocabulary(v *plugins.Vocabulary) *pb.Vocabulary {
	m := &pb.Vocabulary{NodeAttrs: v.NodeAttrs, CellAttrs: v.CellAttrs, Numbers: v.Numbers}
	for _, op := range v.Ops {
		m.Ops = append(m.Ops, &pb.Op{Name: op.Name, Kind: pb.OpKind(op.Kind), Kernel: int32(op.Kernel)})
	}
	return m
}

// SpaceInfo returns s as a message.
func SpaceInfo(s *plugins.SpaceInfo) *pb.SpaceInfo {
	m := &pb.SpaceInfo{
		Rows: int64(s.Rows), Digest: s.Digest, Vocabulary: Vocabulary(&s.Vocabulary), Label: s.Label, Target: s.Target,
		License: s.License, Citation: s.Citation, Notes: s.Notes,
	}
	for _, c := range s.Columns {
		m.Columns = append(m.Columns, &pb.Column{
			Name: c.Name, Summary: c.Summary, Unit: c.Unit, Dataset: c.Dataset, Split: c.Split,
			Runs: int32(c.Runs), Epochs: int32(c.Epochs),
		})
	}
	return m
}

// Identities returns ids one after another.
func Identities(ids []plugins.Identity) []byte {
	b := make([]byte, 0, len(ids)*len(plugins.Identity{}))
	for i := range ids {
		b = append(b, ids[i][:]...)
	}
	return b
}
