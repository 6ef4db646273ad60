package host

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// Limits bounds what a plugin process may take. A zero means no limit.
type Limits struct {
	Start   time.Duration // from the launch to the end of the handshake; also Describe
	Fit     time.Duration // one call of Fit, or of Pretrain
	Predict time.Duration // one call of Predict, however many blocks it sends
	Space   time.Duration // one call of Open, Read or Column
	// MemoryBytes bounds the resident set of the process tree, which is
	// looked at every memoryInterval; pages that processes share count for
	// each of them. It holds on Linux only.
	MemoryBytes int64
	// Threads is what the plugin and the usual numerical libraries are told
	// of processors, by environment variables. Options.Processors binds an
	// external plugin to as many.
	Threads int
}

// DefaultLimits returns the limits that the command line has by default.
func DefaultLimits() Limits {
	return Limits{
		Start: 10 * time.Second, Fit: 30 * time.Minute, Predict: 10 * time.Minute, Space: 10 * time.Minute,
		MemoryBytes: 4 << 30, Threads: 1,
	}
}

// memoryInterval is how often the memory of a process tree is looked at. A
// look costs some 0.1 ms, 0.2 % of one core; a process that allocates 2 GB a
// second is 100 MB over its limit when it is caught.
const memoryInterval = 50 * time.Millisecond

// threadVariables tell Go, OpenMP and the usual numerical libraries how many
// processors to use.
func threadVariables() []string {
	return []string{
		"GOMAXPROCS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
		"VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS",
	}
}

// environment returns the environment of a plugin that works in folder
// scratch: an allow list, and what limits its threads.
func environment(l Limits, scratch string) []string {
	inherited := []string{"PATH", "HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "LANG", "LC_ALL", "TZ"}
	temporary := []string{"TMPDIR"}
	if runtime.GOOS == "windows" {
		inherited = append(inherited, "SYSTEMROOT", "USERPROFILE", "PATHEXT")
		temporary = []string{"TEMP", "TMP"}
	}
	var env []string
	for _, key := range inherited {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	for _, key := range temporary {
		env = append(env, key+"="+scratch)
	}
	if l.Threads > 0 {
		for _, key := range threadVariables() {
			env = append(env, key+"="+strconv.Itoa(l.Threads))
		}
	}
	return env
}

// describe lists the limits that hold for a plugin of the given kind; held is
// nil where nothing is known of it.
func (l Limits) describe(kind Kind, supervised bool, held *confined) []string {
	var list []string
	timeout := func(what string, d time.Duration) {
		if d > 0 {
			list = append(list, what+" timeout "+d.String())
		}
	}
	timeout("start", l.Start)
	if kind == KindPredictor {
		timeout("fit", l.Fit)
		timeout("predict", l.Predict)
	} else {
		timeout("space", l.Space)
	}
	if l.MemoryBytes > 0 && canWatchMemory {
		list = append(list, "memory "+formatBytes(l.MemoryBytes)+" of the process tree")
	}
	if l.Threads > 0 {
		by := " by environment"
		if held != nil && held.Affinity {
			by += " and affinity"
		}
		list = append(list, fmt.Sprintf("threads %d%s", l.Threads, by))
	}
	list = append(list, "environment by allow list", "scratch folder of its own")
	switch {
	case !supervised:
		list = append(list, "process group killed at the end")
	case held != nil:
		list = append(list, "process tree killed at the end")
	default:
		list = append(list, "end of the process tree not seen")
	}
	return list
}

// formatBytes returns n in the largest binary unit that keeps it at 1 or
// more, without decimals where it is a whole number of them.
func formatBytes(n int64) string {
	for _, unit := range []struct {
		name  string
		shift int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n >= 1<<unit.shift {
			if n%(1<<unit.shift) == 0 {
				return fmt.Sprintf("%d %s", n>>unit.shift, unit.name)
			}
			return fmt.Sprintf("%.1f %s", float64(n)/float64(int64(1)<<unit.shift), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
