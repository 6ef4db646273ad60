package wire

import (
	"context"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/toproto"
)

// Unchecked returns the predictor that c leads to without the checks that a
// client makes of what it is asked, for checks of plugins alone: Fit sends
// labels whatever they are, Predict sends b in one block of v's words,
// an empty one included, whether or not there was a fit, and returns whatever
// comes back.
func (c *PredictorClient) Unchecked(v *plugins.Vocabulary) plugins.Predictor {
	return uncheckedPredictor{c, v}
}

type uncheckedPredictor struct {
	*PredictorClient
	vocabulary *plugins.Vocabulary
}

// Fit implements plugins.Predictor.
func (u uncheckedPredictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	return fit(ctx, u.client, t)
}

// Predict implements plugins.Predictor.
func (u uncheckedPredictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	block := &pb.Block{}
	if b.Len() > 0 {
		var err error
		if block, _, err = toproto.Block(u.vocabulary, b, 0); err != nil {
			return nil, err
		}
	}
	m, err := u.client.Predict(ctx, &pb.PredictRequest{Block: block})
	if err != nil {
		return nil, FromStatus(err)
	}
	return m.GetValues(), nil
}

// Unchecked returns the space that c leads to without the checks that a client
// makes of what it is asked, for checks of plugins alone: it asks for rows and
// columns whatever they are, before Open as well.
func (c *SpaceClient) Unchecked() plugins.Space { return uncheckedSpace{c} }

type uncheckedSpace struct{ *SpaceClient }

// Read implements plugins.Space.
func (u uncheckedSpace) Read(ctx context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	v := &plugins.Vocabulary{}
	if info := u.opened.get(); info != nil {
		v = &info.Vocabulary
	}
	return read(ctx, u.client, v, lo, hi)
}

// Column implements plugins.Space.
func (u uncheckedSpace) Column(ctx context.Context, name string) ([]float64, error) {
	m, err := u.client.Column(ctx, &pb.ColumnRequest{Name: name})
	if err != nil {
		return nil, FromStatus(err)
	}
	return m.GetValues(), nil
}
