package conform

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/hypernas/hypernas/plugins"
)

// Result is how a plugin took one check.
type Result struct {
	Name     string   // of the check, such as "blocks"
	Rule     string   // what it asks for, in one line
	Problems []string // what to mend; empty where the rule is kept
	Note     string   // what a reader should know of a check that could not look closely, or ""
	// Untried says that the check could not be made, or told nothing; Note says
	// why.
	Untried bool
}

// untried notes why a check could not be made or told nothing.
func (r *Result) untried(why string) { r.Note, r.Untried = why, true }

// problem adds something to mend.
func (r *Result) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// Settings changes what checks do.
type Settings struct {
	Options map[string]string // given to the plugin in all checks
	// Patience is how long a cancelled Fit may go on. The contract says a second;
	// under the race detector, which slows programs down, it is more.
	Patience time.Duration
	// Begin is told the name of each check as it begins, if it is not nil.
	Begin func(name string)
}

// unknownOption is an option that no plugin has.
const unknownOption = "no_such_option"

// withUnknown returns options with one that no plugin has.
func withUnknown(options map[string]string) map[string]string {
	all := map[string]string{unknownOption: "1"}
	maps.Copy(all, options)
	return all
}

// checks runs checks one after another and reports each.
type checks struct {
	Settings
	report func(Result)
	left   error // of plugins that could not be ended
}

// run makes a check. It returns whether the rule is kept. A check during which
// ctx ends tells nothing of the plugin, and is not reported.
func (c *checks) run(ctx context.Context, name, rule string, do func(r *Result)) bool {
	if ctx.Err() != nil {
		return false
	}
	if c.Begin != nil {
		c.Begin(name)
	}
	r := Result{Name: name, Rule: rule}
	do(&r)
	if ctx.Err() != nil {
		return false
	}
	c.report(r)
	return len(r.Problems) == 0
}

// start starts a plugin, or says in r why it does not start. The caller calls
// stop in any case.
func start[P any](ctx context.Context, c *checks, r *Result, create func(context.Context) (P, func() error, error)) (plugin P, stop func(), ok bool) {
	plugin, end, err := create(ctx)
	if err != nil {
		r.problem("does not start: %v", err)
		return plugin, func() {}, false
	}
	return plugin, func() {
		c.left = errors.Join(c.left, end())
	}, true
}

// describer is what predictors and spaces have in common.
type describer interface {
	Describe(ctx context.Context) (plugins.Description, error)
}

// describe checks that two descriptions of one plugin are valid and equal.
func describe(ctx context.Context, r *Result, plugin describer) plugins.Description {
	first, err := plugin.Describe(ctx)
	if err != nil {
		r.problem("Describe: %v", err)
		return first
	}
	if err := first.Validate(); err != nil {
		r.problem("description: %v", err)
	}
	if first.Summary == "" {
		r.problem("the description has no summary; say in one line what the plugin is")
	}
	names := make(map[string]bool)
	for _, o := range first.Options {
		if o.Name == "" || names[o.Name] {
			r.problem("option %q is described twice or has no name", o.Name)
		}
		names[o.Name] = true
		if o.Choices != nil && !slices.Contains(o.Choices, o.Default) {
			r.problem("the default %q of option %s is none of its choices", o.Default, o.Name)
		}
	}
	second, err := plugin.Describe(ctx)
	if err != nil {
		r.problem("Describe, the second time: %v", err)
	} else if !reflect.DeepEqual(first, second) {
		r.problem("Describe answers differently the second time:\n%+v\n%+v", first, second)
	}
	return first
}

// wantError adds a problem unless err is what the contract asks for.
func (r *Result) wantError(what string, err, want error, advice string) {
	if !errors.Is(err, want) {
		outcome := "no error"
		if err != nil {
			outcome = fmt.Sprintf("%q", err.Error())
		}
		r.problem("%s returns %s, want an error of the kind %q; %s", what, outcome, want, advice)
	}
}

func notFinite(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
