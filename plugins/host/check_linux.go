package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which Linux
// has at 100 on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// CPUNow returns the user and system time that the processes of the tree have
// taken that live now, and whether it can be told. A supervisor is not among
// them: it looks at the tree twenty times a second, which takes time of its own.
func (p *Process) CPUNow() (time.Duration, bool) {
	if p.runner == nil || p.runner.tree.cmd.Process == nil {
		return 0, false
	}
	pid := p.runner.tree.cmd.Process.Pid
	total := time.Duration(0)
	pids := descendants(pid)
	if !p.plugin.supervised() {
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // The process has ended.
		}
		// utime and stime are fields 14 and 15; field 2, in parentheses, may
		// hold spaces (proc_pid_stat(5)).
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		if fields := strings.Fields(rest); len(fields) > 12 {
			for _, field := range fields[11:13] {
				ticks, _ := strconv.ParseInt(field, 10, 64)
				total += time.Duration(ticks) * clockTick
			}
		}
	}
	return total, true
}
