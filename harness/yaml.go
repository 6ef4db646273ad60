package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// ParsePlan reads a plan file, in YAML; file is its name for errors, which
// wrap ErrPlan. What it does not say is as in DefaultPlan. The keys are those
// of Plan in lower case, and
//
//	limits: {start: 10s, fit: 30m, predict: 10m, memory: 4GiB}
//
// and split_file, the name of a file that the caller hands to UseSplits. A
// space or predictor is what ParseRef reads, or a map of name, alias and
// options. The plan is not yet validated.
func ParsePlan(file string, data []byte) (Plan, error) {
	p := DefaultPlan()
	d := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	err := d.Decode(&document)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(document.Content) != 1:
		err = errors.New("it is empty")
	case err == nil && !errors.Is(d.Decode(new(yaml.Node)), io.EOF):
		err = errors.New("it has more than one document")
	case err == nil:
		err = p.read(document.Content[0])
	}
	if err != nil {
		// Line breaks are those of the YAML parser's lists of errors.
		text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
		return Plan{}, fmt.Errorf("%w: %s: %s", ErrPlan, file, text)
	}
	return p, nil
}

// field is one key of a mapping and what reads its value.
type field struct {
	key  string
	read func(*yaml.Node) error
}

func (p *Plan) read(n *yaml.Node) error {
	return readMapping(n, []field{
		{"spaces", func(n *yaml.Node) error { return readList(n, &p.Spaces, readRef) }},
		{"predictors", func(n *yaml.Node) error { return readList(n, &p.Predictors, readRef) }},
		{"budgets", func(n *yaml.Node) error { return readList(n, &p.Budgets, readInt) }},
		{"splits", func(n *yaml.Node) error { return readInt(n, &p.Splits) }},
		{"seed", func(n *yaml.Node) error {
			return readText(n, "a whole number from 0", func(s string) (err error) {
				p.Seed, err = strconv.ParseUint(s, 10, 64)
				return err
			})
		}},
		{"seeds", func(n *yaml.Node) error { return readInt(n, &p.Seeds) }},
		{"preset", func(n *yaml.Node) error { return readString(n, &p.Preset) }},
		{"test", func(n *yaml.Node) error { return readInt(n, &p.Test) }},
		{"pool", func(n *yaml.Node) error { return readString(n, &p.Pool) }},
		{"split_file", func(n *yaml.Node) error { return readString(n, &p.SplitFile) }},
		{"limits", p.Limits.read},
	})
}

func (l *Limits) read(n *yaml.Node) error {
	return readMapping(n, []field{
		{"start", func(n *yaml.Node) error { return readDuration(n, &l.Start) }},
		{"fit", func(n *yaml.Node) error { return readDuration(n, &l.Fit) }},
		{"predict", func(n *yaml.Node) error { return readDuration(n, &l.Predict) }},
		{"memory", func(n *yaml.Node) error { return readText(n, "an amount such as 4GiB", l.Memory.Set) }},
	})
}

func readRef(n *yaml.Node, dst *Ref) (err error) {
	if n.Kind == yaml.ScalarNode {
		if *dst, err = ParseRef(n.Value); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		return nil
	}
	err = readMapping(n, []field{
		{"name", func(n *yaml.Node) error { return readString(n, &dst.Name) }},
		{"alias", func(n *yaml.Node) error { return readString(n, &dst.Alias) }},
		{"options", func(n *yaml.Node) error {
			if n.Kind != yaml.MappingNode {
				return fmt.Errorf("line %d: options are a map of names to values", n.Line)
			}
			dst.Options = make(map[string]string)
			for i := 0; i < len(n.Content); i += 2 {
				var key, value string
				if err := errors.Join(readString(target(n.Content[i]), &key), readString(target(n.Content[i+1]), &value)); err != nil {
					return err
				}
				if _, twice := dst.Options[key]; twice || key == "" {
					return fmt.Errorf("line %d: option %q appears twice or has no name", n.Content[i].Line, key)
				}
				dst.Options[key] = value
			}
			return nil
		}},
	})
	if err != nil {
		return err
	}
	if err := dst.complete(); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// target returns what an alias (*name) stands for, or n.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// readMapping reads a mapping whose keys are all among fields.
func readMapping(n *yaml.Node, fields []field) error {
	var keys []string
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want a map with the keys %s", n.Line, strings.Join(keys, ", "))
	}
	seen := make(map[string]bool)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		f := slices.Index(keys, key.Value)
		if f < 0 || key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: unknown key %q: the keys are %s", key.Line, key.Value, strings.Join(keys, ", "))
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: key %q appears twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if err := fields[f].read(target(n.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

func readList[T any](n *yaml.Node, dst *[]T, read func(*yaml.Node, *T) error) error {
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: want a list", n.Line)
	}
	*dst = make([]T, len(n.Content))
	for i, item := range n.Content {
		if err := read(target(item), &(*dst)[i]); err != nil {
			return err
		}
	}
	return nil
}

// readText hands the text of a scalar to parse; want says what it must be.
func readText(n *yaml.Node, want string, parse func(string) error) error {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return fmt.Errorf("line %d: want %s", n.Line, want)
	}
	if err := parse(n.Value); err != nil {
		return fmt.Errorf("line %d: %q is not %s", n.Line, n.Value, want)
	}
	return nil
}

func readString(n *yaml.Node, dst *string) error {
	return readText(n, "a single value", func(s string) error {
		*dst = s
		return nil
	})
}

func readInt(n *yaml.Node, dst *int) error {
	return readText(n, "a whole number", func(s string) (err error) {
		*dst, err = strconv.Atoi(s)
		return err
	})
}

func readDuration(n *yaml.Node, dst *time.Duration) error {
	return readText(n, "a duration such as 90s", func(s string) (err error) {
		*dst, err = time.ParseDuration(s)
		return err
	})
}
