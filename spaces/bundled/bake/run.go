package bake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hypernas/hypernas/internal/durable"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/nn/lanes"
)

// shardCells is the number of cells of a shard: about half a minute of two cores.
const shardCells = 132

// orderSeed shuffles the cells over the shards, so that a part of the shards is a random sample of the space.
const orderSeed = 201

// Options says what to bake and where.
type Options struct {
	Dir     string // made if it doesn't exist
	Seeds   int    // seeds 0 to Seeds-1; all cells get seed 0 first
	Workers int    // trainings at once
	// Progress is called after the shards that exist have been counted and after every training, from one goroutine
	// at a time. It may be nil.
	Progress func(Progress)
	// Cells are indices of NATS-Bench's order; nil means the lowest index of every distinct cell.
	Cells []int
	// Recipe is DefaultRecipe where it is nil.
	Recipe *Recipe
	// Kernels are the fastest where it is nil.
	Kernels lanes.Kernels

	shardCells int // shardCells where it is zero; tests use small ones
}

// Progress counts trainings.
type Progress struct {
	Done, Total int           // Done includes what earlier runs left
	Remaining   time.Duration // at the speed of this run so far; zero until a training is done
}

// settle fills in the defaults and puts the cells into the order in which they are trained.
func (o Options) settle() (Options, error) {
	if o.Seeds < 1 || o.Workers < 1 {
		return o, fmt.Errorf("bake: %d seeds and %d workers, want at least one of each", o.Seeds, o.Workers)
	}
	if o.Cells == nil {
		o.Cells = nb201.Representatives()
	}
	if o.Recipe == nil {
		r := DefaultRecipe()
		o.Recipe = &r
	}
	if o.Kernels == nil {
		o.Kernels = lanes.Best()
	}
	if o.shardCells == 0 {
		o.shardCells = shardCells
	}
	o.Cells = shuffled(o.Cells)
	return o, nil
}

// shuffled returns cells in the order in which they are trained, whatever theirs. The generator's raw output is scaled here, so the
// order can't change with the library.
func shuffled(cells []int) []int {
	cells = slices.Sorted(slices.Values(cells))
	src := rand.NewPCG(orderSeed, orderStream)
	for i := len(cells) - 1; i > 0; i-- {
		j := below(src, i+1)
		cells[i], cells[j] = cells[j], cells[i]
	}
	return cells
}

// below returns a number in [0, n), n below 2^32.
func below(src *rand.PCG, n int) int {
	return int(src.Uint64() >> 32 * uint64(n) >> 32)
}

// Run trains what is missing in a folder: the manifest first, with the skeleton start, then shard by shard. A shard is
// one seed of some cells. It is written whole, so a killed run loses at most the shard it was in, and a second run
// goes on after the last. A folder of another recipe, arithmetic or trainer is refused. It returns the context's error
// when that is done first.
func Run(ctx context.Context, o Options) error {
	o, err := o.settle()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("bake: %w", err)
	}
	trainer := NewTrainer(*o.Recipe, o.Kernels, nil)
	m, err := prepare(o, trainer)
	if err != nil {
		return fmt.Errorf("bake into %s: %w", o.Dir, err)
	}
	var missing []shard
	p := Progress{Total: o.Seeds * len(o.Cells)}
	for _, s := range o.shards() {
		rows, err := readShard(o.Dir, m, s)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, s)
		case err != nil:
			return fmt.Errorf("bake into %s: %w", o.Dir, err)
		}
		p.Done += len(rows)
	}
	if o.Progress != nil {
		o.Progress(p)
	}
	start, before := time.Now(), p.Done
	var seed *Seed
	for _, s := range missing {
		if err := ctx.Err(); err != nil {
			return err
		}
		if seed == nil || seed.seed != s.seed {
			seed = trainer.Seed(s.seed)
		}
		rows, err := trainAll(ctx, seed, s.cells, o.Workers, func() {
			p.Done++
			if o.Progress != nil {
				each := time.Since(start) / time.Duration(p.Done-before)
				p.Remaining = each * time.Duration(p.Total-p.Done)
				o.Progress(p)
			}
		})
		if err != nil {
			return err
		}
		if err := durable.Write(filepath.Join(o.Dir, s.name()), formatShard(m, s, rows)); err != nil {
			return fmt.Errorf("bake into %s: %w", o.Dir, err)
		}
	}
	return nil
}

// trainAll trains cells on some workers and calls done after each, from one goroutine at a time.
func trainAll(ctx context.Context, seed *Seed, cells []int, workers int, done func()) ([]Result, error) {
	rows := make([]Result, len(cells))
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range workers {
		wg.Go(func() {
			for i := range next {
				rows[i] = seed.Train(cells[i])
				mu.Lock()
				done()
				mu.Unlock()
			}
		})
	}
	for i := range cells {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return rows, ctx.Err()
}

const manifestName = "manifest.json"

// prepare reads and checks a folder's manifest, or makes it, and gives the trainer its skeleton.
func prepare(o Options, t *Trainer) (Manifest, error) {
	path := filepath.Join(o.Dir, manifestName)
	b, err := os.ReadFile(path)
	if err == nil {
		var m Manifest
		if err := json.Unmarshal(b, &m); err != nil {
			return m, fmt.Errorf("read %s: %w", manifestName, err)
		}
		if err := m.check(*o.Recipe, arithmetic(o.Kernels), o.Cells); err != nil {
			return m, fmt.Errorf("the folder holds another bake, choose an empty one: %w", err)
		}
		t.skeleton, err = decodeFloats(m.Skeleton, skeletonLen)
		return m, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, err
	}
	if t.skeleton, err = t.NewSkeleton(); err != nil {
		return Manifest{}, err
	}
	m, err := newManifest(*o.Recipe, o.Kernels, o.Cells, t.skeleton)
	if err != nil {
		return m, err
	}
	b, err = json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	return m, durable.Write(path, append(b, '\n'))
}

// shard is one seed of some cells.
type shard struct {
	seed   uint64
	number int
	cells  []int
}

// shards cuts a bake into shards, all of seed 0 first.
func (o Options) shards() []shard {
	var all []shard
	for seed := range o.Seeds {
		number := 0
		for cells := range slices.Chunk(o.Cells, o.shardCells) {
			all = append(all, shard{uint64(seed), number, cells})
			number++
		}
	}
	return all
}

func (s shard) name() string { return fmt.Sprintf("seed%d-%02d.csv", s.seed, s.number) }

// A shard's file is text: a line with the manifest's digest, a line with the columns' names, and a line for each
// training with the cell's index, the seed and the numbers of validation and test pictures that it got right.
const (
	shardMark   = "# bake "
	shardHeader = "cell,seed,validation,test"
)

func formatShard(m Manifest, s shard, rows []Result) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s\n%s\n", shardMark, m.Digest, shardHeader)
	for i, r := range rows {
		fmt.Fprintf(&b, "%d,%d,%d,%d\n", s.cells[i], s.seed, r.Validation, r.Test)
	}
	return b.Bytes()
}

// readShard returns a shard's rows. It returns an error that is fs.ErrNotExist where there is no file, and another one
// where the file isn't this shard of this manifest.
func readShard(dir string, m Manifest, s shard) ([]Result, error) {
	b, err := os.ReadFile(filepath.Join(dir, s.name()))
	if err != nil {
		return nil, err
	}
	rows, err := parseShard(string(b), m, s)
	if err != nil {
		return nil, fmt.Errorf("read shard %s: %w", s.name(), err)
	}
	return rows, nil
}

func parseShard(text string, m Manifest, s shard) ([]Result, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(s.cells)+2 || lines[1] != shardHeader {
		return nil, fmt.Errorf("%d lines, want %d below a header", len(lines), len(s.cells))
	}
	if lines[0] != shardMark+m.Digest {
		return nil, fmt.Errorf("it is of another bake: %q, this is %s", lines[0], m.Digest)
	}
	rows := make([]Result, len(s.cells))
	for i, line := range lines[2:] {
		var v [4]int
		fields := strings.Split(line, ",")
		if len(fields) != len(v) {
			return nil, fmt.Errorf("line %d has %d columns, want %d", i+3, len(fields), len(v))
		}
		for j, f := range fields {
			n, err := strconv.ParseUint(f, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+3, err)
			}
			v[j] = int(n)
		}
		if v[0] != s.cells[i] || uint64(v[1]) != s.seed || v[2] > m.Recipe.Validation || v[3] > m.Recipe.Test {
			return nil, fmt.Errorf("line %d is not of cell %d and seed %d: %q", i+3, s.cells[i], s.seed, line)
		}
		rows[i] = Result{v[2], v[3]}
	}
	return rows, nil
}
