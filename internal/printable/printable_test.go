package printable_test

import (
	"testing"

	"github.com/hypernas/hypernas/internal/printable"
)

func TestNothingSteersATerminal(t *testing.T) {
	for s, want := range map[string]struct{ line, text string }{
		"":                             {"", ""},
		"plain é 語 '\"":                {"plain é 語 '\"", "plain é 語 '\""},
		"a\x1b[2J\x07\u009b\u202eb":    {`a\x1b[2J\a\u009b\u202eb`, `a\x1b[2J\a\u009b\u202eb`},
		"\x9b invalid":                 {"\ufffd invalid", "\ufffd invalid"},
		"a\tb\r\nc\rd\n":               {`a b\r\nc\rd\n`, "a b\nc\\rd\n"},
		`C:\x1b, written so by itself`: {`C:\x1b, written so by itself`, `C:\x1b, written so by itself`},
	} {
		line, text := printable.Line(s), printable.Text(s)
		if line != want.line || text != want.text {
			t.Errorf("%q: got %q and %q, want %q and %q", s, line, text, want.line, want.text)
		}
		if printable.Line(line) != line || printable.Text(text) != text {
			t.Errorf("%q: changes the second time", s)
		}
	}
}

func TestAnArgumentIsWhatAShellTakes(t *testing.T) {
	for s, want := range map[string]string{
		"/a/b-c_1.2+x:y": "/a/b-c_1.2+x:y", "": "''", "a b": "'a b'", "$(x)": "'$(x)'", "it's": `'it'\''s'`, "~": "'~'",
	} {
		if got := printable.Argument(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}
