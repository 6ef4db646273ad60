package nasbench101

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hypernas/hypernas/internal/nb101"
)

// run is one training of a module, one record of the official file.
type run struct {
	hash       nb101.Hash
	module     nb101.Module // as the record writes its graph
	params     int
	validation float64 // accuracies at the end of training, 0 to 1
	test       float64
	seconds    float64
}

// officialEpochs is how long every run of nasbench_only108.tfrecord was.
const officialEpochs = 108

// parseRun reads the data of a record: a JSON array of the module's hash, the
// epochs, the rows of the adjacency matrix, the operations with commas between
// them, and a ModelMetrics message in base64 (api.py of
// google-research/nasbench). Its errors name the byte of the data where one
// can be told.
func parseRun(data []byte) (run, error) {
	var row []any
	if err := json.Unmarshal(data, &row); err != nil {
		if syntax := new(json.SyntaxError); errors.As(err, &syntax) {
			return run{}, fmt.Errorf("JSON, byte %d of the record: %w", syntax.Offset, err)
		}
		return run{}, fmt.Errorf("JSON: %w", err)
	}
	if len(row) != 5 {
		return run{}, fmt.Errorf("JSON: %d values, want hash, epochs, adjacency, operations, metrics", len(row))
	}
	var text [5]string
	for i := range text {
		var ok bool
		if text[i], ok = row[i].(string); !ok && i != 1 {
			return run{}, fmt.Errorf("JSON: value %d is %v, want a string", i, row[i])
		}
	}
	if row[1] != float64(officialEpochs) {
		return run{}, fmt.Errorf("a run of %v epochs, want %d: nasbench_only108.tfrecord is the file that is read", row[1], officialEpochs)
	}
	var r run
	var ok bool
	if r.hash, ok = nb101.ParseHash(text[0]); !ok {
		return run{}, fmt.Errorf("hash %q is not 32 lower-case hexadecimal digits", text[0])
	}
	module, err := nb101.Parse(text[2], text[3])
	if err != nil {
		return run{}, fmt.Errorf("module %s: %w", r.hash, err)
	}
	r.module = module
	message, err := base64.StdEncoding.DecodeString(text[4])
	if err != nil {
		return run{}, fmt.Errorf("metrics of %s: %w", r.hash, err)
	}
	if err := r.parseMetrics(message); err != nil {
		return run{}, fmt.Errorf("metrics of %s: %w", r.hash, err)
	}
	return r, nil
}

// parseMetrics reads a ModelMetrics message: evaluations = 1, the number of
// trained parameters = 2 (model_metrics.proto). The third evaluation is the
// end of training, after those before it and halfway (api.py).
func (r *run) parseMetrics(message []byte) error {
	const final = 2
	evaluations := 0
	err := fields(message, func(number protowire.Number, value uint64, inner []byte, kind protowire.Type) error {
		switch number {
		case 1:
			if kind != protowire.BytesType {
				return errKind
			}
			evaluations++
			if evaluations-1 == final {
				return r.parseEvaluation(inner)
			}
		case 2:
			if kind != protowire.VarintType {
				return errKind
			}
			r.params = int(int32(value))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("protobuf: %w", err)
	}
	if evaluations <= final {
		return fmt.Errorf("protobuf: %d evaluations, want %d", evaluations, final+1)
	}
	return nil
}

// parseEvaluation reads an EvaluationData message of doubles: training time =
// 2, validation accuracy = 4, test accuracy = 5.
func (r *run) parseEvaluation(message []byte) error {
	r.seconds, r.validation, r.test = math.NaN(), math.NaN(), math.NaN()
	err := fields(message, func(number protowire.Number, value uint64, _ []byte, kind protowire.Type) error {
		var dst *float64
		switch number {
		case 2:
			dst = &r.seconds
		case 4:
			dst = &r.validation
		case 5:
			dst = &r.test
		default:
			return nil
		}
		if kind != protowire.Fixed64Type {
			return errKind
		}
		*dst = math.Float64frombits(value)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("last evaluation: %w", err)
	case !isAccuracy(r.validation) || !isAccuracy(r.test):
		return fmt.Errorf("last evaluation: accuracies %v and %v are not both in 0 to 1", r.validation, r.test)
	case !isSeconds(r.seconds):
		return fmt.Errorf("last evaluation: training time is %v seconds", r.seconds)
	}
	return nil
}

// errKind is the error of a field of a message.
var errKind = errors.New("it has another type than that of model_metrics.proto")

// fields calls visit for every field of a message: with its value if that is a
// number, with its contents if they are bytes. Errors name the byte and the
// field.
func fields(message []byte, visit func(number protowire.Number, value uint64, contents []byte, kind protowire.Type) error) error {
	for at := 0; at < len(message); {
		number, kind, n := protowire.ConsumeTag(message[at:])
		if n < 0 {
			return fmt.Errorf("byte %d of %d: %w", at, len(message), protowire.ParseError(n))
		}
		rest := message[at+n:]
		var value uint64
		var contents []byte
		var size int
		switch kind {
		case protowire.VarintType:
			value, size = protowire.ConsumeVarint(rest)
		case protowire.Fixed64Type:
			value, size = protowire.ConsumeFixed64(rest)
		case protowire.BytesType:
			contents, size = protowire.ConsumeBytes(rest)
		default:
			size = protowire.ConsumeFieldValue(number, kind, rest)
		}
		if size < 0 {
			return fmt.Errorf("byte %d of %d, field %d: %w", at, len(message), number, protowire.ParseError(size))
		}
		if err := visit(number, value, contents, kind); err != nil {
			return fmt.Errorf("byte %d of %d, field %d: %w", at, len(message), number, err)
		}
		at += n + size
	}
	return nil
}
