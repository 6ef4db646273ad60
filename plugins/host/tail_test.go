package host

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/hashicorp/go-hclog"
)

// TestNothingThatAPluginLogsSteersATerminal logs control characters wherever a
// plugin can put them, and reads what a terminal and a record would get.
func TestNothingThatAPluginLogsSteersATerminal(t *testing.T) {
	const evil = "a\x1b[2J\x07\x9b\u009b\u202e\r\u2028b"
	object := func(fields map[string]any) string {
		line, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return string(line)
	}
	for name, tc := range map[string]struct{ line, want string }{
		"plain":      {evil, `a\x1b[2J\a`},
		"message":    {object(map[string]any{"@level": "info", "@message": evil}), `INFO a\x1b[2J\a`},
		"key":        {object(map[string]any{"@level": "info", "@message": "m", evil + "\nk": 1}), `INFO m a\x1b[2J\a`},
		"value":      {object(map[string]any{"@level": "info", "@message": "m", "k": evil}), `INFO m k=a\x1b[2J\a`},
		"list":       {object(map[string]any{"@level": "info", "@message": "m", "k": []string{evil}}), `INFO m k=["a\u001b[2J\u0007`},
		"key inside": {object(map[string]any{"@level": "info", "@message": "m", "k": map[string]int{evil: 1}}), `INFO m k={"a\u001b[2J\u0007`},
		"panic":      {"panic: " + evil, `panic: a\x1b[2J\a`},
	} {
		var terminal strings.Builder
		kept := &tail{log: hclog.New(&hclog.LoggerOptions{Output: &terminal, Level: hclog.Debug, DisableTime: true})}
		kept.add(tc.line, len(tc.line))
		if !strings.HasPrefix(kept.String(), tc.want) {
			t.Errorf("%s: got record %q, want it to begin with %q", name, kept.String(), tc.want)
		}
		for _, text := range []string{strings.TrimSuffix(terminal.String(), "\n"), kept.String(), kept.panicLine()} {
			if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s: control characters are shown: %q", name, text)
			}
		}
	}
}

// TestLinesOfAMessageStayLines: a traceback can be read, and none of its lines
// passes for a line of the log.
func TestLinesOfAMessageStayLines(t *testing.T) {
	var terminal strings.Builder
	kept := &tail{log: hclog.New(&hclog.LoggerOptions{Output: &terminal, Level: hclog.Debug, DisableTime: true})}
	line := `{"@level":"error","@message":"Traceback:\n\tline 1\r\nERROR forged\n","code":7}`
	kept.add(line, len(line))
	const want = "Traceback:\n  |  line 1\n  | ERROR forged"
	if got := kept.String(); got != "ERROR "+want+" code=7" {
		t.Errorf("got record %q, want %q", got, want)
	}
	if got := terminal.String(); !strings.Contains(got, want+": code=7\n") {
		t.Errorf("got terminal %q, want %q", got, want)
	}
}
