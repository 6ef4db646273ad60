package mnasnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hypernas/hypernas/spaces/registry"
)

// expandedBytes is the most that the archive may hold: 7 MB, and room for the
// padding of a tar archive of so many small files.
const expandedBytes = 64 << 20

// measure is a number that a training's file holds.
type measure struct {
	name, summary, unit string
	// device is a key of platform_perf, or empty for a number of metrics; key
	// is the number's name there. Devices' numbers may be null: not measured.
	device, key string
	// negate says that smaller is better, so that the column is the negative.
	negate bool
	// accuracy says that it is one, in per cent. Others are positive.
	accuracy bool
}

// measures lists what becomes a column; the first is label and target unless
// an option says otherwise.
func measures() []measure {
	list := []measure{
		{name: "val_top1", summary: "ImageNet top-1 validation accuracy", unit: "%", key: "val_top1", accuracy: true},
		{name: "val_top5", summary: "ImageNet top-5 validation accuracy", unit: "% in top 5", key: "val_top5", accuracy: true},
	}
	for _, device := range [][2]string{
		{"a100", "a GPU A100"},
		{"3090", "a GPU RTX 3090"},
		{"tpuv2", "a TPU v2"},
		{"tpuv3", "a TPU v3"},
		{"zcu102", "an FPGA ZCU102"},
		{"vck190", "an FPGA VCK190"},
	} {
		list = append(list, measure{
			name: "throughput_" + device[0], summary: "images a second on " + device[1], unit: "1/s",
			device: "throughput_" + device[0], key: "throughput_mean",
		})
	}
	for _, device := range [][2]string{{"zcu102", "an FPGA ZCU102"}, {"vck190", "an FPGA VCK190"}} {
		list = append(list, measure{
			name: "neg_latency_" + device[0], summary: "latency of one image on " + device[1] + ", negated so that larger is better", unit: "ms",
			device: "latency_" + device[0], key: "latency_mean", negate: true,
		})
	}
	return append(list, measure{
		name: "neg_train_time", summary: "training time, negated so that larger is better; the source states no unit",
		key: "train_time", negate: true,
	})
}

// training is what one file holds: an architecture and its measures in their
// order, oriented so that larger is better, NaN where there is none.
type training struct {
	architecture architecture
	macs         float64
	values       []float64
}

// readArchive returns the trainings of the archive in its order. Its errors
// name the file and the place in it.
func readArchive(data []byte) ([]training, error) {
	list := measures()
	var trainings []training
	err := registry.TarGz(data, expandedBytes, func(_ string, body []byte) error {
		t, err := readTraining(body, list)
		if err == nil {
			trainings = append(trainings, t)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(trainings) == 0 {
		return nil, errors.New("the archive holds no file")
	}
	return trainings, nil
}

// document is a file result_N.json. Its numbers are pointers where null must be
// told from 0.
type document struct {
	Architecture map[string]any                 `json:"architecture"`
	Metrics      map[string]*float64            `json:"metrics"`
	ModelInfo    map[string]*float64            `json:"model_info"`
	Devices      map[string]map[string]*float64 `json:"platform_perf"`
}

// readTraining reads a file result_N.json.
func readTraining(body []byte, list []measure) (training, error) {
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return training{}, fmt.Errorf("byte %d: %w", syntax.Offset, err)
		}
		return training{}, err
	}
	t := training{values: make([]float64, len(list))}
	var err error
	if t.architecture, err = readArchitecture(d.Architecture); err != nil {
		return training{}, fmt.Errorf("architecture: %w", err)
	}
	for i, m := range list {
		if t.values[i], err = m.read(&d); err != nil {
			return training{}, err
		}
	}
	params, macs := d.ModelInfo["params"], d.ModelInfo["macs"]
	if params == nil || macs == nil {
		return training{}, errors.New("model_info: params or macs is missing")
	}
	// The file counts in millions with six decimals.
	if want := t.architecture.params(); math.Round(*params*1e6) != float64(want) {
		return training{}, fmt.Errorf("model_info: params is %v million, but the architecture has %d", *params, want)
	}
	if t.macs = math.Round(*macs * 1e6); !(t.macs > 0) || math.IsInf(t.macs, 1) {
		return training{}, fmt.Errorf("model_info: macs is %v, want a positive number of millions", *macs)
	}
	return t, nil
}

// readArchitecture reads the choices of all groups.
func readArchitecture(choices map[string]any) (architecture, error) {
	var a architecture
	for g := range a {
		x := &a[g]
		for _, choice := range []struct {
			key string
			to  *int
		}{{"e", &x.expansion}, {"k", &x.kernel}, {"l", &x.layers}} {
			key := fmt.Sprintf("block%d_%s", g, choice.key)
			n, ok := choices[key].(float64)
			if !ok || n != math.Trunc(n) || math.Abs(n) > 1000 {
				return a, fmt.Errorf("%s is %v, want a small whole number", key, choices[key])
			}
			*choice.to = int(n)
		}
		key := fmt.Sprintf("block%d_se", g)
		var ok bool
		if x.squeezeExcite, ok = choices[key].(bool); !ok {
			return a, fmt.Errorf("%s is %v, want true or false", key, choices[key])
		}
	}
	if want := 4 * groups; len(choices) != want {
		return a, fmt.Errorf("%d choices, want %d", len(choices), want)
	}
	return a, a.check()
}

// read returns m from a file.
func (m *measure) read(d *document) (float64, error) {
	in, place := d.Metrics, "metrics"
	if m.device != "" {
		in, place = d.Devices[m.device], "platform_perf "+m.device
	}
	x, ok := in[m.key]
	switch {
	case !ok:
		return 0, fmt.Errorf("%s: %s is missing", place, m.key)
	case x == nil && m.device != "":
		return math.NaN(), nil
	case x == nil:
		return 0, fmt.Errorf("%s: %s is null", place, m.key)
	case m.accuracy && (*x < 0 || *x > 100):
		return 0, fmt.Errorf("%s: %s is %v, which is no accuracy in per cent", place, m.key, *x)
	case !m.accuracy && *x <= 0:
		return 0, fmt.Errorf("%s: %s is %v, want a positive number", place, m.key, *x)
	case m.negate:
		return -*x, nil
	}
	return *x, nil
}

// row is an architecture of the space with its measures.
type row struct {
	training
	runs   int     // trainings of which the measures are means
	spread float64 // between the largest and the smallest first measure
}

// merge returns a row for each architecture, in the order of their tuples.
// Measures are means over the trainings that have them.
func merge(trainings []training) ([]row, error) {
	order := make([]int, len(trainings))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return slices.Compare(trainings[i].architecture.tuple(), trainings[j].architecture.tuple())
	})
	var list []row
	for len(order) > 0 {
		first := &trainings[order[0]]
		same := 1
		for same < len(order) && trainings[order[same]].architecture == first.architecture {
			same++
		}
		r := row{training: training{first.architecture, first.macs, make([]float64, len(first.values))}, runs: same}
		low, high := math.Inf(1), math.Inf(-1)
		for _, i := range order[:same] {
			if trainings[i].macs != first.macs {
				return nil, fmt.Errorf("architecture %v has %v multiply-adds in one file and %v in another", first.architecture.tuple(), first.macs, trainings[i].macs)
			}
			low, high = min(low, trainings[i].values[0]), max(high, trainings[i].values[0])
		}
		r.spread = high - low
		for k := range r.values {
			sum, count := 0.0, 0.0
			for _, i := range order[:same] {
				if x := trainings[i].values[k]; !math.IsNaN(x) {
					sum += x
					count++
				}
			}
			r.values[k] = sum / count // NaN where no training has it
		}
		list = append(list, r)
		order = order[same:]
	}
	return list, nil
}
