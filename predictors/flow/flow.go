// Package flow is predictors in which information flows along the edges of an
// architecture's graph, with operations as gates on its way, and which learn
// scores by a pairwise hinge loss: gates, and flan, which adds an attention to
// each layer and passes that refine what operations are taken for.
package flow

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Predictor is networks of one form whose scores are averaged.
type Predictor struct {
	description plugins.Description
	// stream keeps the predictor's random numbers apart from those of others
	// with the same seed; members count up from it.
	stream uint64
	// choose returns the recipe with the options that a user gave.
	choose func(given map[string]string) (recipe, error)

	recipe     recipe
	vocabulary plugins.Vocabulary
	members    []member // empty before Fit
}

// recipe says how a predictor reads graphs and trains.
type recipe struct {
	members         int
	prune, contract bool
	// model draws a network for graphs of which the largest has so many nodes.
	model func(v *plugins.Vocabulary, nodes *feature.Nodes, largest int, rng *rand.Rand) fit.Model[feature.Graph]
	train func(largest int) fit.Options
}

// member is a trained network and the spread of its predictions for the
// training set, which puts members on one scale.
type member struct {
	evaluator *fit.Evaluator[feature.Graph]
	mean, sd  float64
}

var _ plugins.Predictor = (*Predictor)(nil)

// Describe implements [plugins.Predictor].
func (p *Predictor) Describe(context.Context) (plugins.Description, error) { return p.description, nil }

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := p.fit(ctx, t); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit %s: %w", p.description.Name, err)
	}
	return plugins.Fitted{}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) error {
	r, err := p.choose(t.Options)
	if err != nil {
		return err
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return err
	}
	p.recipe, p.vocabulary, p.members = r, t.Vocabulary, nil
	graphs := p.read(&t.Batch)
	largest := 1
	for i := range graphs {
		largest = max(largest, len(graphs[i].Nodes))
	}
	// Only the order of labels counts; their scale would cost float32 digits.
	labels := make([]float64, len(graphs))
	feature.RankGaussTo(labels, t.Labels)
	nodes := feature.NewNodes(&t.Vocabulary, t.Batch.Networks, feature.Joined)
	scores := make([]float64, len(graphs))
	var members []member
	for k := range r.members {
		rng := rand.New(rand.NewPCG(t.Seed, p.stream+uint64(k)))
		m := r.model(&p.vocabulary, nodes, largest, rng)
		if err := fit.Train(ctx, m, graphs, labels, r.train(largest), rng); err != nil {
			return err
		}
		one := member{fit.NewEvaluator(m), 0, 1}
		if r.members > 1 {
			if err := one.evaluator.PredictTo(ctx, scores, graphs); err != nil {
				return err
			}
			one.mean, one.sd = feature.Moments(scores)
		}
		members = append(members, one)
	}
	p.members = members
	return nil
}

// read returns each network as one graph.
func (p *Predictor) read(b *plugins.Batch) []feature.Graph {
	graphs := make([]feature.Graph, b.Len())
	for i := range graphs {
		graphs[i] = feature.Join(&p.vocabulary, &b.Networks[i], p.recipe.prune)
		if p.recipe.contract {
			graphs[i] = graphs[i].Contract(&p.vocabulary)
		}
	}
	return graphs
}

// Predict implements [plugins.Predictor]. Values are scores.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with %s: %w", p.description.Name, err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if len(p.members) == 0 {
		return nil, plugins.ErrNotFitted
	}
	graphs := p.read(b)
	values, scores := make([]float64, b.Len()), make([]float64, b.Len())
	for _, m := range p.members {
		if err := m.evaluator.PredictTo(ctx, scores, graphs); err != nil {
			return nil, err
		}
		for i, s := range scores {
			values[i] += (s - m.mean) / m.sd / float64(len(p.members))
		}
	}
	return values, nil
}

// checkTraining returns an error wrapping plugins.ErrOption if one of the
// settings that both predictors have makes no sense.
func checkTraining(margin, dropout, rate, decay float64) error {
	switch {
	case margin <= 0:
		return fmt.Errorf("%w: margin=%v; it takes a number above 0", plugins.ErrOption, margin)
	case dropout < 0 || dropout > .9:
		return fmt.Errorf("%w: dropout=%v; it takes 0 to 0.9", plugins.ErrOption, dropout)
	case rate <= 0:
		return fmt.Errorf("%w: rate=%v; it takes a number above 0", plugins.ErrOption, rate)
	case decay < 0:
		return fmt.Errorf("%w: decay=%v; it takes a number from 0", plugins.ErrOption, decay)
	}
	return nil
}
