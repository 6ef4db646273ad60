package darts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// proxies returns the zero-cost proxies that both of NASLib's files hold for
// every genotype, by NASLib's names. (nwot is in one of the files alone; flops
// and params are those of another network, so the space counts its own.)
func proxies() []string {
	return []string{"epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm", "plain", "snip", "synflow"}
}

// valued is a genotype that NASLib's XGBoost surrogate valued.
type valued struct {
	genotype Genotype
	accuracy float64   // validation, %
	proxies  []float64 // as proxies lists them
}

// score is a number, alone or as the field score of an object.
type score float64

// UnmarshalJSON implements json.Unmarshaler.
func (s *score) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		return json.Unmarshal(data, (*float64)(s))
	}
	var object struct{ Score *float64 }
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	if object.Score == nil {
		return errors.New("no score")
	}
	*s = score(*object.Score)
	return nil
}

// readXGB reads one of NASLib's files zc_nasbench301.json: an object with an
// entry for each genotype, below the given names. An error names the genotype
// that it is about.
func readXGB(data []byte, names ...string) ([]valued, error) {
	for _, name := range names {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(data, &object); err != nil {
			return nil, fmt.Errorf("above %q: %w", name, err)
		}
		inner, ok := object[name]
		if !ok {
			return nil, fmt.Errorf("no field %q", name)
		}
		data = inner
	}
	var list []valued
	seen := map[Genotype]bool{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.Join(errors.New("want an object of genotypes"), err)
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // keys of objects are strings
		v, err := readValued(decoder, key)
		if err == nil && seen[v.genotype] {
			err = errors.New("is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d (%.200q): %w", len(list), key, err)
		}
		seen[v.genotype] = true
		list = append(list, v)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("no genotypes")
	}
	return list, nil
}

// readValued reads the entry of a genotype.
func readValued(decoder *json.Decoder, key string) (valued, error) {
	var fields map[string]json.RawMessage
	if err := decoder.Decode(&fields); err != nil {
		return valued{}, err
	}
	g, err := ParseGenotype(key)
	if err != nil {
		return valued{}, err
	}
	number := func(name string) (float64, error) {
		raw, ok := fields[name]
		if !ok || string(raw) == "null" {
			return 0, fmt.Errorf("no field %q", name)
		}
		var s score
		if err := json.Unmarshal(raw, &s); err != nil {
			return 0, fmt.Errorf("field %q: %w", name, err)
		}
		return float64(s), nil
	}
	v := valued{genotype: g}
	if v.accuracy, err = number("val_accuracy"); err != nil {
		return valued{}, err
	}
	if v.accuracy < 0 || v.accuracy > 100 {
		return valued{}, fmt.Errorf("val_accuracy is %v, want a percentage", v.accuracy)
	}
	for _, name := range proxies() {
		x, err := number(name)
		if err != nil {
			return valued{}, err
		}
		v.proxies = append(v.proxies, x)
	}
	return v, nil
}

// merge joins two files: genotypes in order of appearance, those in both with
// the mean of their numbers. spread is the largest difference between two
// accuracies of one genotype, shared how many are in both.
func merge(a, b []valued) (all []valued, shared int, spread float64) {
	at := make(map[Genotype]int, len(a))
	for i := range a {
		at[a[i].genotype] = i
	}
	all = append(all, a...)
	for _, v := range b {
		i, ok := at[v.genotype]
		if !ok {
			all = append(all, v)
			continue
		}
		old := &all[i]
		shared++
		spread = max(spread, math.Abs(old.accuracy-v.accuracy))
		old.accuracy = (old.accuracy + v.accuracy) / 2
		for k := range old.proxies {
			old.proxies[k] = (old.proxies[k] + v.proxies[k]) / 2
		}
	}
	return all, shared, spread
}
