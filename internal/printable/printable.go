// Package printable makes text that others wrote, such as what a plugin logs,
// safe to show: nothing of it can steer a terminal, or a shell that it is pasted
// into.
//
// What is not printed is written as in Go's string literals, such as \x1b; a
// tabulator becomes a space. A backslash stays as it is, so that paths and
// tracebacks can be read and text that is made printable twice stays the same:
// who writes the four characters \x1b himself gets the same text as who writes
// the one that they stand for. The result is for reading, not for parsing.
package printable

import (
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// Line returns s as one line: a line end is written as \n.
func Line(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// Text returns s with its lines, which end with a line feed, or with a carriage
// return before it, which is left out.
func Text(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Line(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

// Argument returns s as a shell takes it.
func Argument(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-:"
	if s != "" && strings.Trim(filepath.ToSlash(s), plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
