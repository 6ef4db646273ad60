package python_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

func TestMain(m *testing.M) {
	host.SuperviseMain() // does not return where this process is a plugin's supervisor
	os.Exit(m.Run())
}

// interpreter returns a Python that has the given modules beside those that
// the SDK needs, and skips the test where there is none; in CI, which installs
// all but PyTorch, it fails the test.
func interpreter(t *testing.T, modules ...string) string {
	t.Helper()
	modules = append([]string{"grpc", "google.protobuf", "numpy"}, modules...)
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "-c", "import "+strings.Join(modules, ", ")).Run() == nil {
			return path
		}
	}
	missing := fmt.Sprintf("no python3 has %s (Debian: python3-grpcio python3-protobuf python3-numpy python3-sklearn python3-torch)", strings.Join(modules, ", "))
	if os.Getenv("CI") != "" && !slices.Contains(modules, "torch") {
		t.Fatal(missing + "; .ci/run installs all but the last")
	}
	t.Skip(missing)
	return ""
}

// script writes an executable copy of an example that finds its interpreter,
// and the SDK beside it: a plugin reads its own folder and the system's.
func script(t *testing.T, python, example string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("examples", example))
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := bytes.Cut(source, []byte("\n"))
	if !ok || !bytes.HasPrefix(source, []byte("#!")) {
		t.Fatalf("%s does not begin with #!", example)
	}
	path := filepath.Join(folder(t), example)
	// What is printed after the SDK's import, as other imports do.
	const noise = "\nprint('noise of an import')\nimport os; os.system('echo noise of a child')\n"
	importing := regexp.MustCompile(`(?m)^import hypernas.*$`)
	if !importing.Match(body) {
		t.Fatalf("%s does not import hypernas first", example)
	}
	text := fmt.Sprintf("#!%s\n%s", python, importing.ReplaceAll(body, []byte("$0"+noise)))
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// folder returns a new folder with the SDK in it.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "hypernas"), os.DirFS(filepath.Join("src", "hypernas"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func options() host.Options {
	limits := host.DefaultLimits()
	limits.Threads = 1
	limits.Start = 2 * time.Minute // importing PyTorch takes long on a busy machine
	return host.Options{Limits: limits}
}

// predictors returns a function that starts a process of the example, closed
// at the end of the test.
func predictors(t *testing.T, path string) func() plugins.Predictor {
	t.Helper()
	plugin, err := host.External(host.KindPredictor, "example", path)
	if err != nil {
		t.Fatal(err)
	}
	return func() plugins.Predictor {
		p, err := host.LaunchPredictor(t.Context(), plugin, options())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		return p
	}
}

func TestUnits(t *testing.T) {
	python := interpreter(t, "sklearn")
	out, err := exec.Command(python, "-m", "unittest", "discover", "-s", "tests").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestMessagesAreThoseOfTheProto(t *testing.T) {
	cmd := exec.Command(interpreter(t), "-c", "import base64; from hypernas.v1 import hypernas_pb2 as pb; print(base64.b64encode(pb.DESCRIPTOR.serialized_pb).decode())")
	cmd.Env = append(os.Environ(), "PYTHONPATH=src")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	var got descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	// Go fills in the names that JSON would use; protoc's Python leaves them out.
	want := protodesc.ToFileDescriptorProto(pb.File_hypernas_v1_hypernas_proto)
	withoutJSON(want.GetMessageType())
	if !proto.Equal(&got, want) {
		t.Errorf("src/hypernas/v1/hypernas_pb2.py is not what protoc makes of the proto; run make generate\ngot %v\nwant %v", &got, want)
	}
}

func withoutJSON(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		withoutJSON(m.GetNestedType())
		for _, f := range m.GetField() {
			f.JsonName = nil
		}
	}
}

func TestKindsAndRolesAreThoseOfGo(t *testing.T) {
	cmd := exec.Command(interpreter(t), "-c", "import hypernas\nfor e in hypernas.Kind, hypernas.Role:\n  print(*(m.name.lower() for m in e))")
	cmd.Env = append(os.Environ(), "PYTHONPATH=src")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for kind := plugins.KindOther; !strings.HasPrefix(kind.String(), "kind "); kind++ {
		want = append(want, strings.NewReplacer(" ", "_", "-", "_").Replace(kind.String()))
	}
	var roles []string
	for role := plugins.RoleBlock; !strings.HasPrefix(role.String(), "role "); role++ {
		roles = append(roles, role.String())
	}
	if got := string(out); got != strings.Join(want, " ")+"\n"+strings.Join(roles, " ")+"\n" {
		t.Errorf("got %s, want %v and %v", got, want, roles)
	}
}

func TestBoostingKeepsTheContract(t *testing.T) {
	path := script(t, interpreter(t, "sklearn"), "gbdt.py")
	plugintest.Predictor(t, predictors(t, path), plugintest.With(map[string]string{"trees": "20"}))
}

func TestGCNKeepsTheContract(t *testing.T) {
	path := script(t, interpreter(t, "torch"), "gcn.py")
	plugintest.Predictor(t, predictors(t, path), plugintest.With(map[string]string{"epochs": "3", "width": "8"}))
}

func TestSpaceKeepsTheContract(t *testing.T) {
	path := script(t, interpreter(t), "paths.py")
	plugin, err := host.External(host.KindSpace, "example", path)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Space(t, func() plugins.Space {
		s, err := host.LaunchSpace(t.Context(), plugin, options())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

// TestWhatEndsAHandlerEndsTheCall: sys.exit ends the process, and every other
// exception the call, for gRPC's threads swallow what is no Exception.
func TestWhatEndsAHandlerEndsTheCall(t *testing.T) {
	python := interpreter(t)
	for _, tc := range []struct{ statement, want string }{
		{"sys.exit(3)", "exited with status 3 in the middle of fit"},
		{"sys.exit()", "exited with status 0 in the middle of fit"},
		{"sys.exit('no licence')", "exited with status 1 in the middle of fit"},
		{"raise KeyboardInterrupt('stop')", "KeyboardInterrupt: stop (exits.py, line 8)"},
		{"raise ValueError('bad')", "ValueError: bad (exits.py, line 8)"},
	} {
		t.Run(tc.statement, func(t *testing.T) {
			path := filepath.Join(folder(t), "exits.py")
			source := fmt.Sprintf(`#!%s
import hypernas
import sys

class Exits(hypernas.Predictor):
    name = "exits"
    def fit(self, training):
        %s
    def predict(self, batch):
        return [0.0] * len(batch)

hypernas.serve(Exits)
`, python, tc.statement)
			if err := os.WriteFile(path, []byte(source), 0o700); err != nil {
				t.Fatal(err)
			}
			training, _, _ := plugintest.Deal(t, 5)
			_, err := predictors(t, path)().Fit(t.Context(), training)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestPretraining: what a Python predictor learned without labels reaches the
// fit of another process.
func TestPretraining(t *testing.T) {
	python := interpreter(t)
	path := filepath.Join(folder(t), "learner.py")
	source := fmt.Sprintf(`#!%s
import hypernas
import numpy as np

class Learner(hypernas.Predictor):
    name, summary, pretrains = "learner", "adds what it was pretrained on", True

    def pretrain(self, pretraining):
        return f"{len(pretraining.pool)} {pretraining.seed}".encode()

    def fit(self, training):
        self.known = sum(map(int, training.artifact.split()))

    def predict(self, batch):
        return np.full(len(batch), self.known)

hypernas.serve(Learner)
`, python)
	if err := os.WriteFile(path, []byte(source), 0o700); err != nil {
		t.Fatal(err)
	}
	plugin, err := host.External(host.KindPredictor, "learner", path)
	if err != nil {
		t.Fatal(err)
	}
	start := func() *host.Predictor {
		t.Helper()
		p, err := host.LaunchPredictor(t.Context(), plugin, host.Options{Limits: host.DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	training, test, _ := plugintest.Deal(t, 5)
	p := start()
	if d, err := p.Describe(t.Context()); err != nil || !d.Pretrains {
		t.Fatalf("got %+v, %v, want a predictor that pretrains", d, err)
	}
	artifact, err := p.Pretrain(t.Context(), &plugins.Pretraining{Vocabulary: training.Vocabulary, Pool: test, Seed: 1000})
	if err != nil {
		t.Fatal(err)
	}
	training.Artifact, p = artifact, start()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	values, err := p.Predict(t.Context(), &test)
	if want := float64(test.Len() + 1000); err != nil || values[0] != want {
		t.Errorf("got %v, %v, want %v", values[:1], err, want)
	}
}
