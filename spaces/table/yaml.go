package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxVisits bounds how many YAML nodes are looked at, each as often as an
// alias leads to it: a description of a thousand blocks needs a tenth of it,
// and aliases of aliases can't multiply beyond it.
const maxVisits = 100_000

// reader walks a YAML document. Its errors begin with the line.
type reader struct {
	visits int
	// n is what $n stands for in names of columns; "" where it stands for
	// nothing.
	n string
}

// field is one key of a mapping and what reads its value.
type field struct {
	key  string
	read func(*yaml.Node) error
}

func lineError(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{n.Line}, args...)...)
}

// target returns what an alias (*name) stands for, or n.
func (r *reader) target(n *yaml.Node) (*yaml.Node, error) {
	if r.visits++; r.visits > maxVisits {
		return nil, lineError(n, "the description is too large: more than %d values, aliases followed", maxVisits)
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias, nil
	}
	return n, nil
}

// mapping reads a mapping whose keys are all among fields, in the order of
// fields.
func (r *reader) mapping(n *yaml.Node, fields []field) error {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	if n.Kind != yaml.MappingNode {
		return lineError(n, "want a map with the keys %s", strings.Join(keys, ", "))
	}
	values := make([]*yaml.Node, len(fields))
	err := r.pairs(n, func(key string, at, value *yaml.Node) error {
		i := slices.Index(keys, key)
		if i < 0 {
			return lineError(at, "unknown key %q: the keys are %s", key, strings.Join(keys, ", "))
		}
		values[i] = value
		return nil
	})
	if err != nil {
		return err
	}
	for i, value := range values {
		if value == nil {
			continue
		}
		if err := fields[i].read(value); err != nil {
			return err
		}
	}
	return nil
}

// pairs calls f with each key of a mapping, the node that it stands in, and
// its value.
func (r *reader) pairs(n *yaml.Node, f func(key string, at, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return lineError(n, "want a map")
	}
	seen := make(map[string]bool)
	for i := 0; i < len(n.Content); i += 2 {
		at, err := r.target(n.Content[i])
		if err != nil {
			return err
		}
		if at.Kind != yaml.ScalarNode {
			return lineError(n.Content[i], "a key must be a single value")
		}
		if seen[at.Value] {
			return lineError(n.Content[i], "key %q appears twice", at.Value)
		}
		seen[at.Value] = true
		value, err := r.target(n.Content[i+1])
		if err != nil {
			return err
		}
		if err := f(at.Value, at, value); err != nil {
			return err
		}
	}
	return nil
}

// list calls f with each item of a list.
func (r *reader) list(n *yaml.Node, f func(*yaml.Node) error) error {
	if n.Kind != yaml.SequenceNode {
		return lineError(n, "want a list")
	}
	for _, item := range n.Content {
		value, err := r.target(item)
		if err != nil {
			return err
		}
		if err := f(value); err != nil {
			return err
		}
	}
	return nil
}

// scalar hands the text of a single value to parse; want says what it must be.
func scalar(n *yaml.Node, want string, parse func(string) error) error {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return lineError(n, "want %s", want)
	}
	if err := parse(n.Value); err != nil {
		return lineError(n, "%q is not %s", n.Value, want)
	}
	return nil
}

func readString(n *yaml.Node, dst *string) error {
	return scalar(n, "a single value", func(s string) error {
		*dst = s
		return nil
	})
}

// readCount reads a whole number from 0 to most.
func readCount(n *yaml.Node, dst *int, most int) error {
	return scalar(n, fmt.Sprintf("a whole number from 0 to %d", most), func(s string) (err error) {
		if *dst, err = strconv.Atoi(s); err == nil && (*dst < 0 || *dst > most) {
			err = strconv.ErrRange
		}
		return err
	})
}

func readBool(n *yaml.Node, dst *bool) error {
	return scalar(n, "true or false", func(s string) error {
		*dst = s == "true"
		if s != "true" && s != "false" {
			return strconv.ErrSyntax
		}
		return nil
	})
}

func readFinite(n *yaml.Node, dst *float64) error {
	return scalar(n, "a finite number", func(s string) (err error) {
		*dst, err = strconv.ParseFloat(s, 64)
		if err == nil && (math.IsNaN(*dst) || math.IsInf(*dst, 0)) {
			err = strconv.ErrRange
		}
		return err
	})
}

// parseYAML returns the one document of a YAML file.
func parseYAML(data []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	err := d.Decode(&document)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(document.Content) != 1:
		return nil, errors.New("it is empty")
	case err != nil:
		// Line breaks are those of the parser's lists of errors.
		return nil, errors.New(strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " "))
	case !errors.Is(d.Decode(new(yaml.Node)), io.EOF):
		return nil, errors.New("it has more than one document")
	}
	return document.Content[0], nil
}
