package harness

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/results"
)

// Pretraining is what determines what a predictor learns without labels, beside
// the build. Budgets are no part of it: trials on one split share it.
type Pretraining struct {
	Form      int               `json:"form"` // 1
	Space     string            `json:"space"`
	Predictor string            `json:"predictor"`
	Options   map[string]string `json:"options"`
	Pool      string            `json:"pool"` // SHA-256 of the rows, in their order
	Seed      uint64            `json:"seed"` // the predictor's
}

// Key returns the SHA-256 (hexadecimal) of p as JSON.
func (p *Pretraining) Key() string {
	data, err := json.Marshal(p)
	if err != nil {
		panic("harness: a pretraining has no JSON form")
	}
	sum := sha256.Sum256(append([]byte("hypernas pretraining\n"), data...))
	return hex.EncodeToString(sum[:])
}

// poolDigest returns the SHA-256 (hexadecimal) of a pool's rows of a space.
func poolDigest(rows []int) string {
	h := sha256.New()
	buffer := make([]byte, 8)
	for _, row := range rows {
		binary.LittleEndian.PutUint64(buffer, uint64(row))
		h.Write(buffer)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// pretrainingSeed returns the seed of a pretraining: of its own stream, and
// another on every split and repeat, so that its luck is part of the intervals.
func pretrainingSeed(plan uint64, split, repeat int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "hypernas pretraining seed v1\nseed %d\nsplit %d\nrepeat %d", plan, split, repeat))
	return binary.LittleEndian.Uint64(sum[:])
}

// artifacts makes each artifact of a run once, however many trials wait for it.
type artifacts struct {
	mu    sync.Mutex
	turns map[string]*turn // by key
}

// turn is held by the trial that looks for an artifact or makes it.
type turn struct {
	sync.Mutex
	made   bool        // in this run, so that what the folder holds is new
	failed *stageError // of the pretraining in this run; trials that share it fail alike
}

// turn returns the turn of a key.
func (a *artifacts) turn(key string) *turn {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turns == nil {
		a.turns = make(map[string]*turn)
	}
	if a.turns[key] == nil {
		a.turns[key] = new(turn)
	}
	return a.turns[key]
}

// pretrain returns what the trial's predictor learned without labels: what the
// run's folder holds, or else what a process of its own learns now. With force
// what an earlier run left there does not count. It returns nothing where the
// predictor or the plan wants none.
func (a *attempt) pretrain(ctx context.Context, w *results.Writer, made *artifacts, force bool) ([]byte, *stageError) {
	t, s := a.trial, a.samples
	p := t.group.plan
	if !t.predictor.Description.Pretrains || p.Pool == PoolNone {
		return nil, nil
	}
	determined := &Pretraining{
		Form: 1, Space: t.group.table.space.Info.Digest, Predictor: t.predictor.Identity, Options: t.predictor.Ref.Options,
		Pool: s.pool.digest(), Seed: pretrainingSeed(p.Seed, t.group.number, t.repeat),
	}
	key := determined.Key()
	turn := made.turn(key)
	turn.Lock()
	defer turn.Unlock()
	if turn.failed != nil {
		return nil, turn.failed
	}
	var artifact *results.Artifact
	if !force || turn.made {
		artifact = w.ReadArtifact(key)
	}
	if artifact == nil {
		artifact = &results.Artifact{Pretraining: results.Pretraining{Key: key, Rows: len(s.pool.rows())}}
		failed := a.makeArtifact(ctx, artifact, determined.Seed)
		if failed == nil {
			if err := w.WriteArtifact(artifact); err != nil {
				failed = &stageError{stage: "pretrain", err: err}
			}
		}
		if failed != nil {
			if ctx.Err() == nil {
				turn.failed = failed
			}
			return nil, failed
		}
		turn.made = true
	}
	a.record.Pretraining, a.record.Cost.Pretraining = &artifact.Pretraining, &artifact.Cost
	return artifact.Data, nil
}

// makeArtifact pretrains in a fresh process.
func (a *attempt) makeArtifact(ctx context.Context, artifact *results.Artifact, seed uint64) *stageError {
	t, s := a.trial, a.samples
	process, failed := a.start(ctx)
	if failed != nil {
		failed.stage = "pretrain"
		return failed
	}
	artifact.Cost.Seconds, failed = a.stage(ctx, "pretrain", t.group.plan.Limits.Fit, func(ctx context.Context) (err error) {
		pretrainer, ok := process.(plugins.Pretrainer)
		if !ok {
			return errors.New("this launcher's processes can't pretrain")
		}
		artifact.Data, err = pretrainer.Pretrain(ctx, &plugins.Pretraining{
			Vocabulary: t.group.table.space.Info.Vocabulary, Pool: s.pool.batch(),
			Options: t.predictor.Ref.Options, Seed: seed, Log: a.log,
		})
		return err
	})
	ended := a.close(process)
	if failed != nil {
		failed.ended = &ended
		if ended.Reason != "" {
			failed.reason = ended.Reason
		}
		return failed
	}
	artifact.Cost.CPUSeconds, artifact.Cost.MemoryBytes = ended.CPUSeconds, ended.MemoryBytes
	artifact.Pretraining.Limits = withLimits(t.group.plan.Limits.describe(), ended.Limits)
	return nil
}

// pool is the unlabelled architectures of a group. All of it is made when it is
// first asked for, since most predictors want none of it.
type pool struct {
	rows   func() []int // of the table
	batch  func() plugins.Batch
	digest func() string
}

// newPool returns what a plan allows of the architectures of a split of t.
func newPool(t *table, drawn *split.Split, allowed string) pool {
	rows := sync.OnceValue(func() []int {
		if allowed == PoolNone {
			return nil
		}
		return drawn.Pool(allowed == PoolNonTest)
	})
	return pool{
		rows:   rows,
		batch:  sync.OnceValue(func() plugins.Batch { return t.batch.Select(rows()) }),
		digest: sync.OnceValue(func() string { return poolDigest(choose(t.rows, rows())) }),
	}
}
