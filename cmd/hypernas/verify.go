package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/results"
)

func newVerifyCommand() *cobra.Command {
	var spaces, splitFiles []string
	var allowUnchecked bool
	var allowed grants
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check a run: hashes, splits, and every metric from raw predictions",
		Long: `verify computes every metric again from raw predictions and the space's targets,
draws every split again, computes keys and hashes again, and names each trial of
which something does not hold. Metrics must be equal bit for bit: the same code
computed them, and on the same architecture it computes the same.

It opens the spaces that this hypernas has as the records say. One of another
program, or a table that lies elsewhere, is opened only as --space says; the
digest decides whether it holds the same data. What can't be checked is named.

The exit code is 0 if everything was checked and holds, 1 if something does not
hold or could not be checked.`,
		Example: `  hypernas verify runs/quick
  hypernas verify runs/mine --space chain=./data/chain.yaml --split-file splits.json
  hypernas verify docs/quick --allow-unchecked`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opener, err := newSpaceOpener(cmd.Context(), spaces, host.Options{Limits: spaceLimits(), Sandbox: host.Sandbox{Allowed: allowed}})
			if err != nil {
				return usage(err)
			}
			o := harness.VerifyOptions{Open: opener.open}
			for _, name := range splitFiles {
				data, err := os.ReadFile(name)
				if err != nil {
					return usage(pathError(err))
				}
				f, err := split.ParseFile(name, data)
				if err != nil {
					return usage(err)
				}
				o.Splits = append(o.Splits, f)
			}
			if _, err := results.Read(args[0]); err != nil {
				return usage(err)
			}
			verdict, err := harness.Verify(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			writeVerdict(cmd.OutOrStdout(), verdict)
			failed := slices.ContainsFunc(verdict.Findings, func(f harness.Finding) bool { return !f.Unchecked })
			switch {
			case failed:
				return fmt.Errorf("%s does not hold", args[0])
			case len(verdict.Findings) > 0 && !allowUnchecked:
				return fmt.Errorf("%s could not be checked whole; --allow-unchecked accepts that", args[0])
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&spaces, "space", nil, "how to open the space that records call ALIAS: [ALIAS=]NAME|PATH[:key=value…]; may be repeated")
	f.StringArrayVar(&splitFiles, "split-file", nil, "file of splits that trials ran on; may be repeated")
	addAllowFlag(cmd, &allowed)
	f.BoolVar(&allowUnchecked, "allow-unchecked", false, "exit code 0 where all that could be checked holds")
	return cmd
}

func writeVerdict(w io.Writer, v *harness.Verdict) {
	unchecked := 0
	for _, f := range v.Findings {
		fmt.Fprintln(w, f)
		if f.Unchecked {
			unchecked++
		}
	}
	fmt.Fprintf(w, "%d trials, %d of them failed; metrics of %d computed again from their predictions. ", v.Trials, v.Failed, v.Rescored)
	switch failed := len(v.Findings) - unchecked; {
	case len(v.Findings) == 0:
		fmt.Fprintln(w, "Everything holds.")
	case failed == 0:
		fmt.Fprintf(w, "What was checked holds; not checked: %d.\n", unchecked)
	default:
		fmt.Fprintf(w, "Does not hold: %d; not checked: %d.\n", failed, unchecked)
	}
}

// spaceOpener opens the spaces that records name.
type spaceOpener struct {
	given   map[string]harness.Ref // by alias
	options host.Options
}

// newSpaceOpener asks the plugins that are given by a path alone for their
// names.
func newSpaceOpener(ctx context.Context, texts []string, options host.Options) (*spaceOpener, error) {
	o := &spaceOpener{make(map[string]harness.Ref), options}
	for _, text := range texts {
		ref, err := harness.ParseRef(text)
		if err != nil {
			return nil, fmt.Errorf("--space: %w", err)
		}
		recorded, _, err := locate(ref) // which gives a table's file its alias
		if err != nil {
			return nil, fmt.Errorf("--space: %w", err)
		}
		if recorded.Alias == "" {
			process, opened, err := openSpace(ctx, ref, options)
			if err != nil {
				return nil, fmt.Errorf("--space: %w", err)
			}
			if err := process.Close(); err != nil {
				return nil, err
			}
			recorded = opened.Ref
		}
		o.given[recorded.Alias] = ref
	}
	return o, nil
}

// open opens the space of a record. Programs run only where the call names
// them: records may be anyone's.
func (o *spaceOpener) open(ctx context.Context, ref *results.SpaceRef) (*harness.Space, func() error, error) {
	with, ok := o.given[ref.Alias]
	called, _, optional := strings.Cut(ref.Alias, ":")
	if !ok && optional { // a derived alias, with options that --space need not repeat
		if with, ok = o.given[called]; ok && with.Options == nil {
			with.Options = maps.Clone(ref.Options)
			delete(with.Options, tableFile)
		}
	}
	if !ok {
		with = harness.Ref{Alias: ref.Alias, Name: ref.Name, Options: ref.Options}
		if _, builtin := find(builtinSpaces(), ref.Name); !builtin {
			return nil, nil, fmt.Errorf("%q is no space of this hypernas: say how to open it by --space %s=PATH", ref.Name, called)
		}
	}
	process, space, err := openSpace(ctx, with, o.options)
	if err != nil {
		if !ok && ref.Name == tableSpace && errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%w; say where it lies by --space %s=PATH", err, called)
		}
		return nil, nil, err
	}
	return &space, process.Close, nil
}
