package harness

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	Alias   string            `json:"alias"`             // as tables show it; "" for a path that has none yet, see NameRefs
	Derived bool              `json:"derived,omitempty"` // nobody gave the alias: it is made of names and options, for display
	Name    string            `json:"name"`              // of a built-in, or the path of an external one
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
// checks the name and an alias that was given.
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
		r.call(r.Name)
	case !r.Derived && !validAlias(r.Alias):
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

// call derives the ref's alias from a name, with its options as the command
// line has them; of a value that is a path, the last element. Where that is no
// alias, eight digits of the options' digest stand for them.
func (r *Ref) call(name string) {
	parts := []string{cleanAlias(name)}
	for _, key := range slices.Sorted(maps.Keys(r.Options)) {
		value := r.Options[key]
		parts = append(parts, key+"="+value[strings.LastIndexAny(value, `/\`)+1:])
	}
	r.Alias, r.Derived = strings.Join(parts, ":"), true
	if len(r.Options) > 0 && (len(r.Alias) > maxAlias || strings.Trim(r.Alias, aliasLetters+aliasMarks+":=") != "") {
		options, err := json.Marshal(r.Options)
		if err != nil {
			panic("harness: options have no JSON form")
		}
		r.Alias = parts[0][:min(len(parts[0]), maxAlias-len(":")-shortDigits)] + ":" + shortDigest(string(options))
	}
}

// NameRefs gives the refs that have no alias one: own[i], what the plugin of
// ref i calls itself, or where that is "" (it does not say, or is no plugin)
// the last element of its path; options follow. Where two would share an alias,
// those that were given none have the last element of their path in it, too,
// or else that of its folder; that two share it even so is for [Plan.Validate]
// to say.
func NameRefs(refs []Ref, own []string) {
	var unnamed []int
	name := func(i int) string { return cmp.Or(own[i], refs[i].base()) }
	for i := range refs {
		if refs[i].Alias == "" {
			unnamed = append(unnamed, i)
			refs[i].call(name(i))
		}
	}
	for _, more := range []func(*Ref) string{(*Ref).base, (*Ref).folder} {
		taken := make(map[string]int)
		for i := range refs {
			taken[refs[i].Alias]++
		}
		for _, i := range unnamed {
			r := &refs[i]
			if add := more(r); taken[r.Alias] > 1 && strings.ContainsAny(add, aliasLetters) {
				r.call(name(i) + "-" + add)
			}
		}
	}
}

// What an alias is made of; a colon and an equals sign come from options, and
// only where the alias is derived.
const (
	aliasLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	aliasMarks   = "._+-"
	maxAlias     = 64 // bytes
)

// validAlias reports whether a user can give s as an alias.
func validAlias(s string) bool {
	return s != "" && len(s) <= maxAlias && strings.Trim(s, aliasLetters+aliasMarks) == "" && strings.ContainsAny(s, aliasLetters)
}

// cleanAlias returns name as an alias: with hyphens where it has what aliases
// don't, and cut.
func cleanAlias(name string) string {
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune(aliasLetters+aliasMarks, r) {
			return r
		}
		return '-'
	}, name)
	if !strings.ContainsAny(clean, aliasLetters) {
		return shortDigest(name)
	}
	return clean[:min(len(clean), maxAlias)]
}

// shortDigits is how many digits tell names or options of one table apart.
const shortDigits = 8

// shortDigest returns the beginning of the SHA-256 (hexadecimal) of s.
func shortDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:shortDigits]
}

// asked returns what of the ref a plan's digest holds: where nobody gave an
// alias, what the name alone gives, whatever the plugin there calls itself and
// the options are.
func (r Ref) asked() Ref {
	switch {
	case r.Alias != "" && !r.Derived:
	case r.isPath():
		r.Alias = r.base()
	default:
		r.Alias, _, _ = strings.Cut(r.Alias, ":")
	}
	r.Derived = false
	return r
}

// String returns the form that ParseRef reads, options in alphabetical order;
// an alias stands there if it was given. Options that hold a colon or comma
// have no such form.
func (r Ref) String() string {
	var b strings.Builder
	if r.Alias != "" && !r.Derived {
		b.WriteString(r.Alias + "=")
	}
	b.WriteString(r.Name)
	for _, key := range slices.Sorted(maps.Keys(r.Options)) {
		fmt.Fprintf(&b, ":%s=%s", key, r.Options[key])
	}
	return b.String()
}
