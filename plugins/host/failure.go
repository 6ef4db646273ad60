package host

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/plugins/internal/wire"
)

// Failure is what went wrong with a plugin process, as opposed to an error
// that the plugin returned.
type Failure struct {
	// Reason is one line, such as "fit took longer than 30m0s".
	Reason string
	log    string
	limits func() []string // nil where no process was started
}

// Error returns the reason.
func (f *Failure) Error() string { return f.Reason }

// Log returns the end of what the process had logged.
func (f *Failure) Log() string { return f.log }

// Limits lists the limits and protections that held for the process, as
// [Process.Limits] does.
func (f *Failure) Limits() []string {
	if f.limits == nil {
		return nil
	}
	return f.limits()
}

// ending says how a process ended that nobody asked to end, or "" where it
// was asked to; doing is what it was busy with.
func ending(r report, limits Limits, panicLine, doing string) string {
	switch {
	case r.Lost != "":
		return r.Lost
	case r.StartError != "":
		return "cannot be started: " + r.StartError
	case r.HeldBytes > 0:
		return fmt.Sprintf("memory limit %s exceeded (held %s)", formatBytes(limits.MemoryBytes), formatBytes(r.HeldBytes))
	case r.Killed:
		return ""
	case panicLine != "" && (!r.Exited || r.Status != 0):
		return "panicked: " + panicLine
	case r.Exited:
		return fmt.Sprintf("exited with status %d %s", r.Status, doing)
	default:
		return fmt.Sprintf("killed by signal %s %s", r.Signal, doing)
	}
}

// spoiled says what is wrong with the first line that a process printed, or
// returns "" for a handshake.
func spoiled(line string) string {
	// core version | protocol version | network | address | protocol | …
	parts := strings.Split(strings.TrimSpace(line), "|")
	core, coreErr := strconv.Atoi(parts[0])
	if len(parts) < 4 || coreErr != nil {
		return fmt.Sprintf("printed %s to standard output, where the handshake is due; print to standard error, or after the SDK has taken over (Python: import hypernas first)", quote(line))
	}
	version, err := strconv.Atoi(parts[1])
	switch {
	case core != coreVersion:
		return fmt.Sprintf("speaks version %d of go-plugin's handshake, want %d", core, coreVersion)
	case err != nil || version != wire.ProtocolVersion:
		return fmt.Sprintf("speaks version %s of the plugin protocol, want %d; build it against this hypernas's plugins package", quote(parts[1]), wire.ProtocolVersion)
	case len(parts) < 5 || parts[4] != "grpc":
		return "does not speak gRPC"
	}
	return ""
}

// coreVersion is go-plugin's own version of the handshake line.
const coreVersion = 1

// traced matches the end of a log of Python: the last place of a traceback, and
// all that follows up to the error. Of a syntax error the error itself does not
// say where it is.
var traced = regexp.MustCompile(`^(?:(?s:.*)\n)? *File "([\w./+@ -]+)", line (\d{1,9})[^\n]*(?:\n [^\n]*)*\n[^\s][^\n]*$`)

// pythonPlace returns the place in a script that the end of a log names, such as
// " (p.py, line 4)", or "".
func pythonPlace(log string) string {
	m := traced.FindStringSubmatch(log)
	if m == nil {
		return ""
	}
	return fmt.Sprintf(" (%s, line %s)", filepath.Base(m[1]), m[2])
}

// quote returns the beginning of s in quotes.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
