package autoformer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// row is an architecture with what was measured of it.
type row struct {
	architecture
	flops float64
	top1  float64 // per cent
}

// Limits that no transformer of the kind comes near, so that a damaged file
// can't ask for absurd networks.
const (
	mostLayers    = 64
	mostHeads     = 64
	mostRatio     = 16
	mostEmbedding = 8192
)

// entry is an element of the file.
type entry struct {
	Setting *struct {
		Layers    int       `json:"layer_num"`
		Ratio     []float64 `json:"mlp_ratio"`
		Heads     []int     `json:"num_heads"`
		Embedding []int     `json:"embed_dim"`
	} `json:"net_setting"`
	Performance struct {
		Imagenet struct {
			Clean *float64 `json:"clean"`
		} `json:"Imagenet"`
	} `json:"performance"`
	Params *float64 `json:"params"` // millions
	FLOPs  *float64 `json:"flops"`  // millions
}

// readRows reads a file of architectures: a JSON object whose keys count from
// "0". Its errors name the architecture, and the byte where the JSON breaks.
func readRows(data []byte) ([]row, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	place := func(what string, err error) error {
		return fmt.Errorf("%s, before byte %d: %w", what, d.InputOffset(), err)
	}
	if t, err := d.Token(); err != nil {
		return nil, place("start of the file", unexpected(err))
	} else if t != json.Delim('{') {
		return nil, fmt.Errorf("the file begins with %v, want an object", t)
	}
	var list []row
	for d.More() {
		want := strconv.Itoa(len(list))
		what := "architecture " + want
		key, err := d.Token()
		if err != nil {
			return nil, place(what, unexpected(err))
		}
		if key != want {
			return nil, place(what, fmt.Errorf("its key is %q, want %q", key, want))
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, place(what, unexpected(err))
		}
		r, err := e.row()
		if err != nil {
			return nil, place(what, err)
		}
		list = append(list, r)
	}
	if _, err := d.Token(); err != nil {
		return nil, place("end of the object", unexpected(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, place("end of the file", errors.New("something follows the object"))
	}
	if len(list) == 0 {
		return nil, errors.New("the file holds no architecture")
	}
	return list, nil
}

// unexpected makes an end of the file that comes too early say so.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// row returns what e holds, checked.
func (e *entry) row() (row, error) {
	s := e.Setting
	switch {
	case s == nil || e.Performance.Imagenet.Clean == nil || e.Params == nil || e.FLOPs == nil:
		return row{}, errors.New("net_setting, performance.Imagenet.clean, params or flops is missing")
	case s.Layers < 1 || s.Layers > mostLayers:
		return row{}, fmt.Errorf("layer_num is %d, want 1 to %d", s.Layers, mostLayers)
	case len(s.Ratio) != s.Layers || len(s.Heads) != s.Layers || len(s.Embedding) != s.Layers:
		return row{}, fmt.Errorf("%d ratios, %d numbers of heads and %d embeddings for %d layers", len(s.Ratio), len(s.Heads), len(s.Embedding), s.Layers)
	}
	r := row{architecture: architecture{embedding: s.Embedding[0], layers: make([]layer, s.Layers)}, flops: math.Round(*e.FLOPs * 1e6), top1: *e.Performance.Imagenet.Clean}
	for i := range r.layers {
		l := layer{s.Heads[i], s.Ratio[i]}
		switch {
		case s.Embedding[i] != r.embedding || r.embedding < 1 || r.embedding > mostEmbedding:
			return row{}, fmt.Errorf("embed_dim %d is %d, want 1 to %d, the same in all layers", i, s.Embedding[i], mostEmbedding)
		case l.heads < 1 || l.heads > mostHeads:
			return row{}, fmt.Errorf("num_heads %d is %d, want 1 to %d", i, l.heads, mostHeads)
		case !(l.ratio > 0 && l.ratio <= mostRatio):
			return row{}, fmt.Errorf("mlp_ratio %d is %v, want up to %d", i, l.ratio, mostRatio)
		}
		r.layers[i] = l
	}
	// The file counts in millions with six decimals.
	if want := r.params(); math.Round(*e.Params*1e6) != float64(want) {
		return row{}, fmt.Errorf("params is %v million, but the setting has %d", *e.Params, want)
	}
	if !(r.flops > 0) {
		return row{}, fmt.Errorf("flops is %v, want a positive number", *e.FLOPs)
	}
	if !(r.top1 >= 0 && r.top1 <= 100) {
		return row{}, fmt.Errorf("performance.Imagenet.clean is %v, which is no accuracy in per cent", r.top1)
	}
	return r, nil
}
