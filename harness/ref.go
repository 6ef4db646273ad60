package harness

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Ref names a space or predictor, with the options that a user chose.
type Ref struct {
	Alias   string            `json:"alias"` // as tables show it; "" for a path that has none yet, see NameRefs
	Name    string            `json:"name"`  // of a built-in, or the path of an external one
	Options map[string]string `json:"options,omitempty"`
}

// ParseRef reads [ALIAS=]NAME|PATH[:key=value[:key=value]…]. Without an alias
// a name with its options is it, so that variants of one predictor are told
// apart; a path is left without one, since what lies there knows its own name:
// see NameRefs. There is no quoting: where a path or value holds a colon or
// comma, or a path an equals sign, the map form of a plan file is needed.
func ParseRef(s string) (Ref, error) {
	r, err := parseRef(s)
	if err != nil {
		return Ref{}, fmt.Errorf("%q: %w; write [ALIAS=]NAME|PATH[:key=value…]", s, err)
	}
	return r, nil
}

func parseRef(s string) (r Ref, err error) {
	if strings.Contains(s, ",") {
		return r, errors.New("a comma separates items of a list")
	}
	head, rest, options := strings.Cut(strings.TrimSpace(s), ":")
	r.Name = head
	if alias, name, ok := strings.Cut(head, "="); ok {
		r.Alias, r.Name = alias, name
		if alias == "" {
			return r, errors.New("the alias is empty")
		}
	}
	if options && rest == "" {
		return r, errors.New("there is no option after the colon")
	}
	if options {
		r.Options = make(map[string]string)
		for option := range strings.SplitSeq(rest, ":") {
			key, value, ok := strings.Cut(option, "=")
			if !ok || key == "" {
				return r, fmt.Errorf("option %q is no key=value", option)
			}
			if _, twice := r.Options[key]; twice {
				return r, fmt.Errorf("option %q appears twice", key)
			}
			r.Options[key] = value
		}
	}
	return r, r.complete()
}

// ParseRefs reads a list of what ParseRef reads, separated by commas.
func ParseRefs(s string) ([]Ref, error) {
	var refs []Ref
	for item := range strings.SplitSeq(s, ",") {
		r, err := ParseRef(item)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r)
	}
	return refs, nil
}

// complete derives the alias where there is none and the ref is no path, and
// checks both names.
func (r *Ref) complete() error {
	if strings.TrimSpace(r.Name) != r.Name || r.Name == "" || strings.ContainsFunc(r.Name, unicode.IsControl) {
		return fmt.Errorf("%q is no name", r.Name)
	}
	if len(r.Options) == 0 {
		r.Options = nil
	}
	switch {
	case r.Alias == "" && r.isPath():
	case r.Alias == "":
		return r.call(r.Name)
	case !validAlias(r.Alias):
		return fmt.Errorf("alias %q is not of up to 64 letters, digits and ._+-", r.Alias)
	}
	return nil
}

// isPath reports whether the ref is surely a path: a name has no folder, and
// does not end like the YAML file of a user's own table.
func (r *Ref) isPath() bool {
	ext := strings.ToLower(filepath.Ext(r.Name))
	return strings.ContainsAny(r.Name, `/\`) || ext == ".yaml" || ext == ".yml"
}

// Title is what messages call the ref: its alias, or before it has one its path.
func (r *Ref) Title() string { return cmp.Or(r.Alias, r.Name) }

// base returns the last element of a path without its extension.
func (r *Ref) base() string {
	base := r.Name[strings.LastIndexAny(r.Name, `/\`)+1:]
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// folder returns the name of the folder of a path.
func (r *Ref) folder() string { return filepath.Base(filepath.Dir(r.Name)) }

// call gives the ref the alias name, with its options as the command line has
// them; of a value that is a path, the last element.
func (r *Ref) call(name string) error {
	parts := []string{name}
	for _, key := range slices.Sorted(maps.Keys(r.Options)) {
		value := r.Options[key]
		parts = append(parts, key+"="+value[strings.LastIndexAny(value, `/\`)+1:])
	}
	alias := strings.Join(parts, ":")
	if !validAlias(alias) {
		return fmt.Errorf("%q needs an alias of up to 64 letters, digits and ._+-, as in mine=%s", alias, r.Name)
	}
	r.Alias = alias
	return nil
}

// NameRefs gives the refs that have no alias one: own[i], what the plugin of
// ref i calls itself, or where that is "" (it does not say, or is no plugin)
// the last element of its path; options follow. Where two would share an alias,
// those that were given none have the last element of their path in it, too,
// or else that of its folder; that two share it even so is for [Plan.Validate]
// to say.
func NameRefs(refs []Ref, own []string) error {
	var unnamed []int
	for i := range refs {
		if r := &refs[i]; r.Alias == "" {
			unnamed = append(unnamed, i)
			if err := r.call(cmp.Or(own[i], r.base())); err != nil {
				return err
			}
		}
	}
	for _, more := range []func(*Ref) string{(*Ref).base, (*Ref).folder} {
		taken := make(map[string]int)
		for i := range refs {
			taken[refs[i].Alias]++
		}
		for _, i := range unnamed {
			r := &refs[i]
			if add := more(r); taken[r.Alias] > 1 && own[i] != "" && validAlias(add) {
				if err := r.call(own[i] + "-" + add); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// validAlias reports whether s can be an alias; a colon and an equals sign come
// from options.
func validAlias(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && len(s) <= 64 && strings.Trim(s, letters+"0123456789._+-:=") == "" && strings.ContainsAny(s, letters+"0123456789")
}

// String returns the form that ParseRef reads, options in alphabetical order.
func (r Ref) String() string {
	var b strings.Builder
	derived := r
	derived.Alias = ""
	if derived.complete() != nil || derived.Alias != r.Alias {
		b.WriteString(r.Alias + "=")
	}
	b.WriteString(r.Name)
	for _, key := range slices.Sorted(maps.Keys(r.Options)) {
		fmt.Fprintf(&b, ":%s=%s", key, r.Options[key])
	}
	return b.String()
}
