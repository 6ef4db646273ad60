//go:build linux

package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
)

// Describe implements plugins.Predictor.
func (p *rogue) Describe(ctx context.Context) (plugins.Description, error) {
	if p.mode == "hang in describe" {
		select {} // whatever ctx says
	}
	return p.honest.Describe(ctx)
}

// TestAskingTakesNoLongerThanAStart asks a plugin that starts and then says
// nothing. Without a limit of its own the test would stand still.
func TestAskingTakesNoLongerThanAStart(t *testing.T) {
	t.Parallel()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := limits()
	l.Start = 5 * time.Second
	_, _, err = host.Ask(t.Context(), path, []string{"rogue", "hang in describe"}, host.Options{Limits: l, TempDir: shortDir(t)})
	failure, ok := errors.AsType[*host.Failure](err)
	if !ok || failure.Reason != "describe took longer than 5s" {
		t.Errorf("got %v, want a failure that describe took longer than 5s", err)
	}
}

func TestAskingTellsPredictorsFromSpaces(t *testing.T) {
	t.Parallel()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]host.Kind{"honest": host.KindPredictor, "chains": host.KindSpace} {
		p, d, err := host.Ask(t.Context(), path, []string{"plugin", string(want), name}, host.Options{Limits: limits(), TempDir: shortDir(t)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Kind != want || d.Name == "" || p.Name != d.Name {
			t.Errorf("%s: got %s %q, described as %q", name, p.Kind, p.Name, d.Name)
		}
	}
}

// TestWhoExplainsItselfOnStandardOutputMayFinish greets a script that prints
// lines that are no handshake, and takes its time to end.
func TestWhoExplainsItselfOnStandardOutputMayFinish(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "mine.sh")
	text := "#!/bin/sh\necho I speak version 1 | cat\nsleep .3\necho and nothing else\nexit 3\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	plugin, err := host.External(host.KindPredictor, "mine", script)
	if err != nil {
		t.Fatal(err)
	}
	for name, greet := range map[string]func(context.Context, host.Plugin, host.Options) (host.Greeting, error){
		"newer": host.GreetNewer, "stranger": host.GreetStranger,
	} {
		got, err := greet(t.Context(), plugin, host.Options{Limits: limits(), TempDir: shortDir(t)})
		if err != nil {
			t.Fatal(err)
		}
		if !got.Ended || got.Status != 3 || got.Version != "" || !strings.Contains(got.Said, "and nothing else") {
			t.Errorf("%s: got %+v, want its end with status 3 and its last words", name, got)
		}
	}
}
