package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/internal/printable"
	"github.com/hypernas/hypernas/plugins/host"
)

func newPluginAddCommand() *cobra.Command {
	limits := host.DefaultLimits()
	limits.Start = time.Minute
	name := ""
	var allowed grants
	cmd := &cobra.Command{
		Use:   "add PATH|NAME",
		Short: "Give a plugin a name and pin what it is now",
		Long: `add starts the program at PATH to ask what it is, and notes its name, its path
and its SHA-256. From then on runs find it by name, and refuse it once it has
changed, until it is added again. (A path given to a run is not pinned; the run
records its SHA-256.)

The SHA-256 is that of the file, or, for a script, of all files in its folder and
below, and of those that links there lead to. Hidden files, __pycache__ and
folders of runs (those with a run.lock or records.jsonl in them) are not part of
it, nor are the interpreter and its packages elsewhere: what a script takes from
there may change unseen. A link to a folder elsewhere is refused.

A NAME is looked for in the plugins' folder, where plugin list says it is: a
folder of that name with one executable file in it, or an executable file of
that name. A script has to have a folder of its own there.

The list is a file in ` + "$" + configVariable + `, or else in hypernas in the folder of your
configuration (Linux: ~/.config).`,
		Example: `  hypernas plugin add ./grove/predictor.py
  hypernas plugin add ./counts --name counts-v2`,
		Args: cobra.ExactArgs(1),
	}
	addAllowFlag(cmd, &allowed)
	cmd.Flags().StringVar(&name, "name", "", "name (default: what the plugin calls itself)")
	cmd.Flags().DurationVar(&limits.Start, "start-timeout", limits.Start, "longest start")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		protected, err := secrets("", nil)
		if err != nil {
			return err
		}
		return addPlugin(cmd, args[0], name, host.Options{
			Limits: limits, Log: hclog.NewNullLogger(), Sandbox: host.Sandbox{Protected: protected, Allowed: allowed},
		})
	}
	return cmd
}

func addPlugin(cmd *cobra.Command, path, name string, o host.Options) error {
	if !strings.ContainsRune(path, filepath.Separator) {
		// A name, unless there is such a file here.
		p, err := readPins()
		if err != nil {
			return err
		}
		found, err := p.found()
		if err != nil {
			return err
		}
		if there, ok := found[path]; ok && executable(path) != nil {
			path, name = there, cmp.Or(name, path)
		}
	}
	if err := executable(path); err != nil {
		return usage(err)
	}
	list, err := readPins()
	if err != nil {
		return err
	}
	if crowded, err := list.crowded(path); err != nil {
		return err
	} else if crowded {
		return usage(fmt.Errorf("%s lies straight in the plugins' folder; a script is pinned with all that is in its folder, so move it into a folder of its own there", path))
	}
	plugin, d, err := host.Ask(cmd.Context(), path, nil, o)
	if err != nil {
		return fmt.Errorf("%s: %w; see: hypernas plugin check %s", path, err, printable.Argument(path))
	}
	one := pin{Kind: plugin.Kind, Name: cmp.Or(name, d.Name), Path: plugin.Path, SHA256: strings.TrimPrefix(plugin.Identity, "sha256:")}
	if err := checkName(one.Name); err != nil {
		return usage(err)
	}
	_, isSpace := find(builtinSpaces(), one.Name)
	_, isPredictor := find(builtinPredictors(), one.Name)
	if isSpace && one.Kind == host.KindSpace || isPredictor && one.Kind == host.KindPredictor {
		return usage(fmt.Errorf("%s is the name of a built-in %s; choose another with --name", one.Name, one.Kind))
	}
	verb := "added"
	err = changePins(func(p *pins) error {
		if before, ok := p.find(one.Kind, one.Name); ok {
			switch {
			case before.Path != one.Path:
				return usage(fmt.Errorf("%s %s is %s already; remove that first, or choose another name with --name", one.Kind, one.Name, before.Path))
			case before.SHA256 == one.SHA256:
				verb = "unchanged:"
			default:
				verb = "confirmed a change of"
			}
		}
		p.put(one)
		return nil
	})
	if err != nil {
		return err
	}
	s := sheet{w: cmd.OutOrStdout()}
	s.printf("%s %s %s, SHA-256 %s\n", verb, one.Kind, one.Name, one.SHA256)
	s.printf("use it: hypernas run --%s %s\n", one.Kind, one.Name)
	return s.err
}

func newPluginListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the plugins that were added, and whether they have changed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := configDir(); err != nil {
				return err
			}
			p, err := readPins()
			if err != nil {
				return err
			}
			var rows [][]string
			known := make(map[string]bool)
			for _, one := range p.list {
				known[one.Path] = true
				rows = append(rows, []string{one.Name, string(one.Kind), one.state(), one.Path})
			}
			found, err := p.found()
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(found)) {
				if known[found[name]] {
					continue
				}
				state := "not added"
				if crowded, err := p.crowded(found[name]); err != nil {
					return err
				} else if crowded {
					state = "needs a folder of its own"
				}
				rows = append(rows, []string{name, "", state, found[name]})
			}
			s := sheet{w: cmd.OutOrStdout()}
			s.grid(rows)
			if len(rows) == 0 {
				s.printf("no plugin was added; see: hypernas plugin add --help\n")
			}
			s.printf("list %s, folder %s\n", p.file(), p.folder())
			return s.err
		},
	}
}

// state says whether a pinned plugin can be used.
func (one pin) state() string {
	_, err := one.open(one.Name)
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errChanged):
		return "changed"
	case errors.Is(err, os.ErrNotExist):
		return "missing"
	default:
		return "unreadable"
	}
}

func newPluginRemoveCommand() *cobra.Command {
	kind := ""
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a plugin; its file stays",
		Args:  cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&kind, "kind", "", "predictor or space, where both have the name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var gone []pin
		err := changePins(func(p *pins) error {
			p.list = slices.DeleteFunc(p.list, func(one pin) bool {
				hit := one.Name == args[0] && (kind == "" || kind == string(one.Kind))
				if hit {
					gone = append(gone, one)
				}
				return hit
			})
			switch {
			case len(gone) == 0:
				return usage(fmt.Errorf("no plugin called %q was added; see: hypernas plugin list", args[0]))
			case len(gone) > 1:
				return usage(fmt.Errorf("%s is a predictor and a space; say which with --kind", args[0]))
			}
			return nil
		})
		if err != nil {
			return err
		}
		s := sheet{w: cmd.OutOrStdout()}
		s.printf("removed %s %s; %s stays\n", gone[0].Kind, gone[0].Name, gone[0].Path)
		return s.err
	}
	return cmd
}
