package plugins

import (
	"context"
	"log/slog"
)

// Predictor learns to rank architectures from a few that carry labels. A
// process serves one trial: Describe, then Fit once, then Predict any number
// of times, never two calls at once.
//
// Results may depend on nothing but the arguments: the same training with the
// same seed gives the same predictions to the bit. Every method returns soon
// (within a second) after its context is done, with the context's error.
type Predictor interface {
	// Describe says what the predictor is.
	Describe(ctx context.Context) (Description, error)
	// Fit learns from t. It returns an error wrapping ErrOption for an option
	// that it does not know or accept, and ErrUnsupported where it cannot
	// work on such a space at all.
	Fit(ctx context.Context, t *Training) (Fitted, error)
	// Predict returns one finite value for each row of b, larger for better
	// architectures. A row's value does not depend on the other rows of b.
	// It returns an error wrapping ErrNotFitted before Fit.
	Predict(ctx context.Context, b *Batch) ([]float64, error)
}

// Pretrainer is an optional ability of a predictor: to learn from architectures
// without labels, once, what Fit then starts from in many trials. Its
// Description says Pretrains.
//
// Fit is handed the artifact in another process. Where there is none, because
// the protocol allows no unlabelled architectures, Fit does without.
type Pretrainer interface {
	Predictor
	// Pretrain learns from p and returns what Fit gets as Training.Artifact, in
	// a form of the predictor's own: at least 1 byte and at most MaxArtifact. The
	// same pretraining with the same seed gives the same bytes. Errors are as
	// those of Fit.
	Pretrain(ctx context.Context, p *Pretraining) ([]byte, error)
}

// MaxArtifact is the largest artifact of a [Pretrainer], in bytes: half of what
// a message may hold, and far more than the weights of a predictor that is
// trained anew in every trial.
const MaxArtifact = 32 << 20

// Pretraining is what a predictor learns from without labels. It owns nothing
// of it.
type Pretraining struct {
	Vocabulary Vocabulary
	Pool       Batch             // at least one architecture
	Options    map[string]string // those that Fit gets
	Seed       uint64            // not that of Fit
	Log        *slog.Logger      // takes messages for the user; it is never nil
}

// Training is what a predictor learns from. It owns nothing of it.
type Training struct {
	Vocabulary Vocabulary
	Batch      Batch
	Labels     []float64 // one a row of Batch, finite, larger is better
	// Pool holds architectures without labels, where Description.UsesPool
	// asks for them and the protocol allows it; else it is empty.
	Pool Batch
	// Artifact is what Pretrain returned, where Description.Pretrains asks for
	// it and the protocol allows unlabelled architectures; else it is empty.
	Artifact []byte
	// Options is what the user chose; see SetOptions.
	Options map[string]string
	// Seed is where all randomness of this trial comes from.
	Seed uint64
	// Log takes messages for the user; it is never nil.
	Log *slog.Logger
}

// Fitted is what a predictor reports of its fit.
type Fitted struct {
	Warnings []string // shown as footnotes of the table
}
