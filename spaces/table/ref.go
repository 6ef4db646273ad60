package table

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ref names a value of a row: a column, or an element of a list in one, as in
// kernels[2] or matrix[0][1].
type ref struct {
	name  string // as written
	base  string // without the indices
	index []int
}

// parseIndex reads an index into a list, of at most 20 bits.
func parseIndex(s string) (int, bool) {
	i, err := strconv.ParseUint(s, 10, 20)
	return int(i), err == nil
}

func parseRef(s string) (ref, error) {
	r := ref{name: s, base: s}
	if s == "" {
		return r, fmt.Errorf("a column's name is empty")
	}
	for strings.HasSuffix(r.base, "]") {
		open := strings.LastIndexByte(r.base, '[')
		if open <= 0 {
			break
		}
		i, ok := parseIndex(r.base[open+1 : len(r.base)-1])
		if !ok {
			break // the brackets belong to the name
		}
		r.index = append([]int{i}, r.index...)
		r.base = r.base[:open]
	}
	return r, nil
}

// format cuts a column's text into columns of its own: literal[0], names[0],
// literal[1], … literal[len(names)].
type format struct {
	column  ref
	text    string
	literal []string
	names   []string
}

// parseFormat reads a text with the names of columns in braces, such as
// |{a}~0|+|{b}~0|{c}~1|.
func parseFormat(s string) (format, error) {
	f := format{text: s}
	rest := s
	for {
		literal, tail, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return f, fmt.Errorf("form %q has a } without a {", s)
		}
		f.literal = append(f.literal, literal)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(tail, "}")
		if !closed || name == "" || strings.Contains(name, "{") {
			return f, fmt.Errorf("form %q: want the name of a column between { and }", s)
		}
		f.names = append(f.names, name)
		rest = tail
	}
	if len(f.names) == 0 {
		return f, fmt.Errorf("form %q names no column: write one in braces for each part, as in |{a}~0|{b}~1| or {a}{b}", s)
	}
	return f, nil
}

// cut calls set with the text of each name. A name takes what comes before
// the literal after it, one character where none is between two names, and
// what is left where it ends the form.
func (f *format) cut(text string, set func(name, value string)) error {
	fail := func(what string) error {
		return fmt.Errorf("%q does not have the form %q: %s", text, f.text, what)
	}
	rest, ok := strings.CutPrefix(text, f.literal[0])
	if !ok {
		return fail(fmt.Sprintf("it does not begin with %q", f.literal[0]))
	}
	for i, name := range f.names {
		after := f.literal[i+1]
		var value string
		switch {
		case after != "":
			if value, rest, ok = strings.Cut(rest, after); !ok {
				return fail(fmt.Sprintf("there is no %q after {%s}", after, name))
			}
		case i < len(f.names)-1:
			_, size := utf8.DecodeRuneInString(rest)
			value, rest = rest[:size], rest[size:]
		default:
			value, rest = rest, ""
		}
		if value == "" {
			return fail(fmt.Sprintf("there is nothing for {%s}", name))
		}
		set(name, value)
	}
	if rest != "" {
		return fail(fmt.Sprintf("it goes on with %q", rest))
	}
	return nil
}
