//go:build linux

package host_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins/host"
)

// eat takes n bytes of memory that the race detector does not shadow.
func eat(n int) {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

func newSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// closeSockets breaks the connections to the host, without closing a file
// descriptor that the runtime may still use.
func closeSockets() {
	for fd := 3; fd < 100; fd++ {
		_ = syscall.Shutdown(fd, syscall.SHUT_RDWR)
	}
}

// stderr returns the process's own standard error, which os.Stderr of a
// serving plugin is not.
func stderr() *os.File { return os.NewFile(2, "stderr") }

// listenAndIgnore makes a good handshake and then says nothing.
func listenAndIgnore() {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "deaf")
	if _, err := net.Listen("unix", path); err != nil {
		panic(err)
	}
	fmt.Printf("1|1|unix|%s|grpc|\n", path)
	select {}
}

// listenTCP listens where a plugin should not, and fails loudly where it can't.
func listenTCP() {
	// Without Multipath TCP, which package net prefers and Landlock overlooks.
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	if _, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// processesWith returns the command lines of the processes that have s in
// their environment, as those have that a plugin with a scratch folder in s
// leaves behind.
func processesWith(t *testing.T, s string) []string {
	t.Helper()
	var found []string
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(environ), s) {
			cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}

// waitUntilGone waits until no process has dir in its environment and nothing
// is left in dir, for no longer than patience.
func waitUntilGone(t *testing.T, dir string, patience time.Duration) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		processes := processesWith(t, dir)
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(processes) == 0 && len(files) == 0 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("left behind after %v: processes %q, files %v", patience, processes, files)
		case <-tick.C:
		}
	}
}

func TestASupervisorStartsNoOther(t *testing.T) {
	t.Setenv("HYPERNAS_SUPERVISE", "1")
	_, err := host.LaunchPredictor(t.Context(), rogueWith(t, "environment"), host.Options{Limits: limits(), TempDir: shortDir(t)})
	if err == nil || !strings.Contains(err.Error(), "SuperviseMain") {
		t.Errorf("got %v, want an error that names host.SuperviseMain", err)
	}
}
