package nasbench101

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/hypernas/hypernas/internal/nb101"
)

// sampleFile is the published JSON form: a list a quantity, one entry a
// module.
type sampleFile struct {
	Accuracy4   []number `json:"4_final_validation_accuracy"`
	Accuracy12  []number `json:"12_final_validation_accuracy"`
	Accuracy36  []number `json:"36_final_validation_accuracy"`
	Accuracy108 []number `json:"108_final_validation_accuracy"`
	Seconds     []number `json:"final_training_time"`
	Params      []int    `json:"trainable_parameters"`
	Keys        []string `json:"key"`
}

// number is a float64 for which null is an error.
type number float64

// UnmarshalJSON implements json.Unmarshaler.
func (x *number) UnmarshalJSON(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	*x = number(f)
	return err
}

// sampleEpochs are those of the accuracies of a sampleRow, in order.
func sampleEpochs() [4]int { return [4]int{4, 12, 36, 108} }

// sampleRow is one module with its only training run for each number of
// epochs.
type sampleRow struct {
	hash     nb101.Hash
	accuracy [4]float64 // on the validation images, 0 to 1, by sampleEpochs
	seconds  float64    // of the training for 108 epochs
	params   int
}

// parseSample reads a file of the 30,001 modules. Errors name the byte or the
// row.
func parseSample(data []byte) ([]sampleRow, error) {
	var f sampleFile
	if err := json.Unmarshal(data, &f); err != nil {
		if syntax := new(json.SyntaxError); errors.As(err, &syntax) {
			return nil, fmt.Errorf("byte %d: %w", syntax.Offset, err)
		}
		return nil, err
	}
	lists := [4][]number{f.Accuracy4, f.Accuracy12, f.Accuracy36, f.Accuracy108}
	n := len(f.Keys)
	if n == 0 {
		return nil, errors.New("there is no list of keys")
	}
	for i, epochs := range sampleEpochs() {
		if len(lists[i]) != n {
			return nil, fmt.Errorf("%d accuracies at %d epochs for %d keys", len(lists[i]), epochs, n)
		}
	}
	if len(f.Seconds) != n || len(f.Params) != n {
		return nil, fmt.Errorf("%d training times and %d counts of parameters for %d keys", len(f.Seconds), len(f.Params), n)
	}
	rows := make([]sampleRow, n)
	for row := range rows {
		r := &rows[row]
		var ok bool
		if r.hash, ok = nb101.ParseHash(f.Keys[row]); !ok {
			return nil, fmt.Errorf("row %d: key %q is not a hash of 32 lower-case hexadecimal digits", row, f.Keys[row])
		}
		for i, epochs := range sampleEpochs() {
			if r.accuracy[i] = float64(lists[i][row]); !isAccuracy(r.accuracy[i]) {
				return nil, fmt.Errorf("row %d (%s): accuracy %v at %d epochs is not in 0 to 1", row, r.hash, r.accuracy[i], epochs)
			}
		}
		if r.seconds = float64(f.Seconds[row]); !isSeconds(r.seconds) {
			return nil, fmt.Errorf("row %d (%s): training time is %v seconds", row, r.hash, r.seconds)
		}
		r.params = f.Params[row]
	}
	return rows, nil
}

// isAccuracy is false for NaN.
func isAccuracy(x float64) bool { return x >= 0 && x <= 1 }

// isSeconds is false for NaN and for what no training takes.
func isSeconds(x float64) bool { return x >= 0 && x < 1e9 }
