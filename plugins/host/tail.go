package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hypernas/hypernas/internal/printable"
)

const (
	// tailBytes is how much of a plugin's log is kept for the record. Of a
	// panic it keeps the beginning, and tailBefore bytes of what came before.
	tailBytes  = 4 << 10
	tailBefore = 1 << 10
	// lineBytes is how much of a line is read, textBytes how much of it is
	// kept.
	lineBytes = 64 << 10
	textBytes = 1 << 10
)

// tail keeps the end of a plugin's log as text, and hands each line on to a
// logger.
type tail struct {
	log hclog.Logger

	mu       sync.Mutex
	lines    []string
	size     int    // bytes in lines, line ends included
	panicked string // what the first line of a panic says, or ""
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// last returns the last line, or "".
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == 0 {
		return ""
	}
	return t.lines[len(t.lines)-1]
}

// panicLine returns what the first line of a panic said, or "".
func (t *tail) panicLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.panicked
}

// add takes a line that had length bytes, of which it may be the beginning.
func (t *tail) add(line string, length int) {
	level, text, fields := parseLine(line)
	t.log.Log(level, text, fields...)
	if len(fields) > 0 || level != hclog.Debug {
		text = strings.ToUpper(level.String()) + " " + text
	}
	for i := 0; i+1 < len(fields); i += 2 {
		text += fmt.Sprintf(" %v=%v", fields[i], fields[i+1])
	}
	if len(text) > textBytes || length > len(line) {
		text = fmt.Sprintf("%s … (a line of %d bytes)", strings.ToValidUTF8(text[:min(len(text), textBytes)], ""), length)
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	if t.panicked != "" {
		if t.size+len(text) < tailBytes {
			t.lines = append(t.lines, text)
			t.size += len(text) + 1
		}
		return
	}
	keep := tailBytes
	if reason, ok := strings.CutPrefix(line, "panic: "); ok {
		t.panicked, keep = reason, tailBefore+len(text)
	} else if strings.HasPrefix(line, "fatal error: ") {
		t.panicked, keep = line, tailBefore+len(text)
	}
	t.panicked = printable.Line(t.panicked)
	t.lines = append(t.lines, text)
	t.size += len(text) + 1
	for t.size > keep && len(t.lines) > 1 {
		t.size -= len(t.lines[0]) + 1
		t.lines = t.lines[1:]
	}
}

// parseLine takes a line of a plugin's standard error apart: an hclog object,
// or anything else, which is a message for debugging. The plugin may write
// what it likes, so a line is trusted with nothing: what is returned of it,
// keys and values included, is text that a terminal can be shown.
func parseLine(line string) (hclog.Level, string, []any) {
	var object map[string]any
	if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &object) == nil {
		said, ok := object["@message"].(string)
		name, _ := object["@level"].(string)
		level := hclog.LevelFromString(name)
		if ok && level != hclog.NoLevel {
			keys := make([]string, 0, len(object))
			for key := range object {
				if !strings.HasPrefix(key, "@") {
					keys = append(keys, key)
				}
			}
			slices.Sort(keys)
			var fields []any
			for _, key := range keys {
				fields = append(fields, printable.Line(key), fieldText(object[key]))
			}
			return level, message(said), fields
		}
	}
	return hclog.Debug, message(line), nil
}

// fieldText returns the value of a field, which came as JSON, as one line: text
// as it is, all else as JSON.
func fieldText(value any) string {
	text, ok := value.(string)
	if !ok {
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			return "" // never: it was JSON
		}
		text = strings.TrimSuffix(b.String(), "\n")
	}
	return printable.Line(text)
}

// continued begins the lines of a text after its first, so that none of them
// can pass for a line of the log.
const continued = "\n  | "

// message returns what a plugin logged as text, with its lines kept apart.
func message(s string) string {
	return strings.ReplaceAll(printable.Text(strings.TrimRight(s, "\r\n")), "\n", continued)
}

// lineWriter cuts what is written to it into lines for a tail.
type lineWriter struct {
	tail   *tail
	line   []byte // up to lineBytes of the line so far
	length int    // of the line so far
}

// Write implements io.Writer; it never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		w.line = append(w.line, part[:min(len(part), lineBytes-len(w.line))]...)
		w.length += len(part)
		if end < 0 {
			break
		}
		w.flush()
		p = p[end+1:]
	}
	return n, nil
}

// flush ends the line.
func (w *lineWriter) flush() {
	if w.length > 0 {
		w.tail.add(string(w.line), w.length)
	}
	w.line, w.length = w.line[:0], 0
}
