package harness

import (
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
	Alias   string            `json:"alias"` // as tables show it
	Name    string            `json:"name"`  // of a built-in, or the path of an external one
	Options map[string]string `json:"options,omitempty"`
}

// ParseRef reads [ALIAS=]NAME|PATH[:key=value[:key=value]…]. Without an alias
// the name is it, or the path's last element without its extension. There is
// no quoting: where a path or value holds a colon or comma, or a path an
// equals sign, the map form of a plan file is needed.
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

// complete derives the alias where there is none, and checks both names.
func (r *Ref) complete() error {
	if strings.TrimSpace(r.Name) != r.Name || r.Name == "" || strings.ContainsFunc(r.Name, unicode.IsControl) {
		return fmt.Errorf("%q is no name", r.Name)
	}
	if r.Alias == "" {
		base := filepath.Base(r.Name)
		r.Alias = strings.TrimSuffix(base, filepath.Ext(base))
		if !strings.ContainsAny(r.Name, `/\`) {
			r.Alias = r.Name
		}
		if !validAlias(r.Alias) {
			return fmt.Errorf("%q needs an alias of up to 64 letters, digits and ._+-", r.Name)
		}
	}
	if !validAlias(r.Alias) {
		return fmt.Errorf("alias %q is not of up to 64 letters, digits and ._+-", r.Alias)
	}
	if len(r.Options) == 0 {
		r.Options = nil
	}
	return nil
}

func validAlias(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && len(s) <= 64 && strings.Trim(s, letters+"0123456789._+-") == "" && strings.ContainsAny(s, letters+"0123456789")
}

// String returns the form that ParseRef reads, options in alphabetical order.
func (r Ref) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%s", r.Alias, r.Name)
	for _, key := range slices.Sorted(maps.Keys(r.Options)) {
		fmt.Fprintf(&b, ":%s=%s", key, r.Options[key])
	}
	return b.String()
}
