package hypernas

import (
	"log/slog"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/hypernas/hypernas/plugins/plugintest"
)

// TestJudge: what a judge found for the pool is what it finds again where it
// doesn't know an architecture, and an artifact keeps it; with training, the
// loss that it predicts follows the loss of the networks that it generates, and
// doesn't where it learned the losses of others. Other auxiliary images are
// refused: see TestArtifactOfOtherImages.
func TestJudge(t *testing.T) {
	slow(t)
	_, pool, _ := plugintest.Deal(t, 10)
	training, _, _ := plugintest.Deal(t, 10)
	o := plusDefaults()
	o.Members, o.Steps, o.JudgeSteps, o.JudgeImages = 1, 5, 150, 32
	agreement := func(shuffled bool, seed uint64) float64 {
		o.Shuffled = shuffled
		set, err := newAuxiliary(t.Context(), o.Auxiliary, o.AuxiliaryPool, auxiliarySeed, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := pretrain(t.Context(), &o, &training.Vocabulary, &pool, set, seed, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		embedding, losses, err := e.rows(t.Context(), &pool)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(&o, &training.Vocabulary, &pool, set, e.encode())
		if err != nil {
			t.Fatal(err)
		}
		clear(again.known)
		sameEmbedding, sameLosses, err := again.rows(t.Context(), &pool)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(embedding, sameEmbedding, slices.Equal[[]float64]) || !slices.Equal(losses, sameLosses) {
			t.Error("an artifact, or an architecture that is not known, gives other values")
		}
		if len(e.known) == 0 || e.losses.Dim() != 2 {
			t.Fatalf("%d losses known, %d columns", len(e.known), e.losses.Dim())
		}
		var predicted, found []float64
		for i := 0; i < len(losses); i += 2 {
			predicted, found = append(predicted, losses[i]), append(found, losses[i+1])
		}
		return stat.Correlation(predicted, found, nil)
	}
	// One seed's correlation is a matter of luck; the mean of three is not.
	learned, control := 0.0, 0.0
	for seed := range uint64(3) {
		learned += agreement(false, 100+seed) / 3
		control += agreement(true, 100+seed) / 3
	}
	t.Logf("predicted losses correlate with losses by %.2f, and by %.2f where they were shuffled", learned, control)
	if learned < .3 || control > learned-.2 {
		t.Errorf("predicted losses correlate with losses by %.2f, and by %.2f where they were shuffled; want .3, and less by .2", learned, control)
	}
}
