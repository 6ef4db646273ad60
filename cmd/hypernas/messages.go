package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// didYouMean returns the end of a message about an unknown name: those known
// that somebody may have meant, or "" where none is near.
func didYouMean(name string, known []string) string {
	const most = 2 // edits; with three, most short names are near each other
	var near []string
	least := most + 1
	for _, k := range known {
		d := edits(name, k)
		if len(name) > 2 && strings.HasPrefix(k, name) {
			d = most // the beginning of a name is as good as two mistakes
		}
		switch {
		case d > most || d < most && 2*d > len(name):
		case d < least:
			least, near = d, []string{k}
		case d == least:
			near = append(near, k)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// edits returns how many bytes have to be changed, added or removed, or
// neighbors swapped, to make b of a.
func edits(a, b string) int {
	rows := [3][]int{}
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

// pathError says what is wrong with a path without the system call that found
// it.
func pathError(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// explainCalls makes cobra's errors of the command line those of this program:
// one line that says what is wrong and what a command or flag takes.
func explainCalls(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError) // which commands below inherit
	for _, c := range cmd.Commands() {
		explainCalls(c)
	}
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		_, takes, _ := strings.Cut(cmd.Use, " ")
		switch {
		case cmd.HasSubCommands():
			return unknownCommand(cmd, args[0])
		case takes == "":
			return fmt.Errorf("%s takes flags alone, not %q; see: %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
		case len(args) == 0:
			return fmt.Errorf("%s takes %s; see: %s --help", cmd.CommandPath(), takes, cmd.CommandPath())
		}
		return fmt.Errorf("%s takes %s, not %d arguments; see: %s --help", cmd.CommandPath(), takes, len(args), cmd.CommandPath())
	}
}

// unknownCommand says which commands a command has.
func unknownCommand(cmd *cobra.Command, name string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	last := len(names) - 1
	list := "there is " + names[last]
	if last > 0 {
		list = "there are " + strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return fmt.Errorf("unknown command %q for %s; %s%s", name, cmd.CommandPath(), list, didYouMean(name, names))
}

// flagError says what a flag takes.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return fmt.Errorf("%w%s", err, didYouMean("--"+unknown.GetSpecifiedName(), names))
	}
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	f := bad.GetFlag()
	takes := map[string]string{
		"int": "a whole number", "uint64": "a whole number from 0", "float64": "a number", "bool": "true or false",
		"intSlice": "whole numbers parted by commas, such as 20,50", "duration": "a time such as 90s, 5m or 1h30m",
		"stringToString": "key=value, such as epochs=5",
	}[f.Value.Type()]
	if takes == "" { // a value of this program's own kinds says so itself
		return fmt.Errorf("--%s: %w", f.Name, bad.Unwrap())
	}
	return fmt.Errorf("--%s %s: it takes %s", f.Name, bad.GetValue(), takes)
}
