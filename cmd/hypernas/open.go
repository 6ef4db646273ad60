package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/internal/printable"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
)

// tableSpace is the built-in space of a user's own table, and tableFile its
// option that names the YAML file.
const (
	tableSpace = "table"
	tableFile  = "file"
)

// locate returns ref as plans and records have it, and the options that the
// space is opened with. They differ for a user's own table, which the path of
// its YAML file alone names, too: a plugin works in a folder of its own, so it
// is told the absolute path, while what is recorded is the file's name,
// wherever it lies. The space's digest tells its contents.
func locate(ref harness.Ref) (recorded harness.Ref, options map[string]string, err error) {
	path, given := ref.Options[tableFile]
	switch ext := strings.ToLower(filepath.Ext(ref.Name)); {
	case ref.Name == tableSpace && given:
	case ext != ".yaml" && ext != ".yml":
		return ref, ref.Options, nil
	case given:
		return ref, nil, usage(fmt.Errorf("space %s names two files, %s and %s", ref.Alias, ref.Name, path))
	default:
		path = ref.Name
		call(&ref, "")
		ref.Name = tableSpace
	}
	if _, err := os.Stat(path); err != nil {
		return ref, nil, usage(fmt.Errorf("space %s: %w", ref.Alias, pathError(err)))
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return ref, nil, err
	}
	with := func(file string) map[string]string {
		o := map[string]string{tableFile: file}
		for key, value := range ref.Options {
			if key != tableFile {
				o[key] = value
			}
		}
		return o
	}
	options = with(absolute)
	ref.Options = with(filepath.Base(path))
	return ref, options, nil
}

// resolve returns the plugin that ref names: a built-in one, one that the user
// has added, or an executable file. Nothing is started. The error says which names there are.
func resolve[P describer](ctx context.Context, kind host.Kind, ref harness.Ref, list []builtin[P]) (host.Plugin, error) {
	if b, ok := find(list, ref.Name); ok {
		d, err := describe(ctx, b)
		if err != nil {
			return host.Plugin{}, err
		}
		return host.Builtin(kind, b.name, d.Version)
	}
	if !strings.ContainsRune(ref.Name, filepath.Separator) {
		if plugin, ok, err := added(kind, ref, strings.Split(names(list), ", ")); ok || err != nil {
			return plugin, err
		}
	}
	if err := executable(ref.Name); err != nil {
		return host.Plugin{}, usage(fmt.Errorf("%s %w", kind, err))
	}
	return host.External(kind, ref.Title(), ref.Name)
}

// call gives a ref that stands alone an alias where it has none; own is what
// its plugin calls itself.
func call(ref *harness.Ref, own string) {
	refs := []harness.Ref{*ref}
	harness.NameRefs(refs, []string{own})
	*ref = refs[0]
}

// added returns the plugin that the user has added under a name, and whether
// there is one; an error where there is neither that nor a file of the name.
func added(kind host.Kind, ref harness.Ref, builtins []string) (host.Plugin, bool, error) {
	p, err := readPins()
	if err != nil {
		return host.Plugin{}, false, err
	}
	if one, ok := p.find(kind, ref.Name); ok {
		plugin, err := one.open(ref.Title())
		return plugin, true, usage(err)
	}
	info, err := os.Stat(ref.Name)
	folder := err == nil && info.IsDir()
	if err == nil && !folder {
		return host.Plugin{}, false, nil
	}
	found, err := p.found()
	if err != nil {
		return host.Plugin{}, false, err
	}
	if path, ok := found[ref.Name]; ok {
		return host.Plugin{}, false, usage(fmt.Errorf("%s %s lies in the plugins' folder and has not been added; if you trust it: hypernas plugin add %s", kind, path, ref.Name))
	}
	path := "the path of a plugin"
	if kind == host.KindSpace {
		path += " or of a table's YAML file"
	}
	known := append(builtins, p.names(kind)...)
	hint := didYouMean(ref.Name, known)
	if folder {
		hint = fmt.Sprintf("; the folder %s here is none", ref.Name)
		if program, err := onlyProgram(ref.Name); err == nil && program != "" {
			program = printable.Argument("." + string(filepath.Separator) + program)
			hint = fmt.Sprintf("; did you mean %s? (hypernas plugin add %s lets you call it by name)", program, program)
		}
	}
	return host.Plugin{}, false, usage(fmt.Errorf("unknown %s %q; there are %s, or give %s%s", kind, ref.Name, strings.Join(known, ", "), path, hint))
}

// checkOptions returns an error unless d knows every option of ref and lists
// its value, where it lists any; the plugin itself checks the rest.
func checkOptions(kind host.Kind, ref harness.Ref, d plugins.Description) error {
	names := make([]string, len(d.Options))
	for i, o := range d.Options {
		names[i] = o.Name
	}
	for _, name := range slices.Sorted(maps.Keys(ref.Options)) {
		value, i := ref.Options[name], slices.Index(names, name)
		switch {
		case i < 0 && len(names) == 0:
			return usage(fmt.Errorf("%s %s has no option %q: it has none at all", kind, ref.Title(), name))
		case i < 0:
			return usage(fmt.Errorf("%s %s has no option %q; it has %s%s", kind, ref.Title(), name, strings.Join(names, ", "), didYouMean(name, names)))
		case d.Options[i].Choices != nil && !slices.Contains(d.Options[i].Choices, value):
			return usage(fmt.Errorf("%s %s: option %s takes %s, not %q", kind, ref.Title(), name, strings.Join(d.Options[i].Choices, ", "), value))
		}
	}
	return nil
}

// openSpace starts the process of a space and opens it. The caller closes it.
// Where it can't be opened, the space returned has a description if the plugin
// gave one.
func openSpace(ctx context.Context, ref harness.Ref, o host.Options) (*host.Space, harness.Space, error) {
	ref, options, err := locate(ref)
	if err != nil {
		return nil, harness.Space{}, err
	}
	plugin, err := resolve(ctx, host.KindSpace, ref, builtinSpaces())
	if err != nil {
		return nil, harness.Space{}, err
	}
	o.Sandbox = spaceSandbox(options, o.Sandbox.Allowed)
	process, err := host.LaunchSpace(ctx, plugin, o)
	if errors.Is(err, host.ErrSandbox) {
		return nil, harness.Space{}, sandboxError("space "+ref.Title(), err)
	}
	if err != nil {
		return nil, harness.Space{}, fmt.Errorf("space %s: %w", ref.Title(), err)
	}
	opened := harness.Space{Ref: ref, Source: process}
	fail := func(err error) (*host.Space, harness.Space, error) {
		err = fmt.Errorf("space %s: %w", ref.Title(), errors.Join(err, process.Close()))
		for _, cause := range []error{plugins.ErrOption, plugins.ErrInput, plugins.ErrDataMissing} {
			if errors.Is(err, cause) {
				err = usage(err)
				break
			}
		}
		return nil, opened, err
	}
	if opened.Description, err = process.Describe(ctx); err != nil {
		return fail(err)
	}
	if err := checkOptions(host.KindSpace, ref, opened.Description); err != nil {
		return nil, harness.Space{}, usage(errors.Join(err, process.Close()))
	}
	call(&opened.Ref, opened.Description.Name)
	if opened.Info, err = process.Open(ctx, options); err != nil {
		return fail(err)
	}
	return process, opened, nil
}

// launcher starts processes of one predictor for the harness.
type launcher struct {
	plugin  host.Plugin
	options host.Options
}

var _ harness.Launcher = launcher{}

// Launch implements harness.Launcher.
func (l launcher) Launch(ctx context.Context) (harness.Process, error) {
	p, err := host.LaunchPredictor(ctx, l.plugin, l.options)
	if err == nil {
		return process{p}, nil
	}
	ended := harness.Ended{}
	if failure, ok := errors.AsType[*host.Failure](err); ok {
		ended.Reason, ended.Log, ended.Limits = failure.Reason, failure.Log(), failure.Limits()
	}
	if left, ok := errors.AsType[*host.LeftError](err); ok {
		ended.Left = left.Error()
	}
	return nil, &harness.LaunchError{Ended: ended, Err: err}
}

// process is a predictor's process as the harness knows it.
type process struct{ *host.Predictor }

// Close implements harness.Process.
func (p process) Close() harness.Ended {
	ended := harness.Ended{}
	if err := p.Predictor.Close(); err != nil { // a *host.LeftError
		ended.Left = err.Error()
	}
	ended.Limits = p.Limits()
	ended.Log = p.Log()
	ended.CPUSeconds = p.CPUSeconds()
	ended.MemoryBytes = p.MemoryBytes()
	return ended
}

// errBroken is wrapped by errors of an external predictor that can't be
// started or does not say what it is.
var errBroken = errors.New("does not work")

// openPredictor returns a predictor that can be started; an external one is
// started, to ask what it is, and once more if that fails: a first start may
// be slow. If it does not work at all, the error is errBroken and the
// predictor is returned without a description: a run records its trials as
// failed, for whatever reason each start gives.
func openPredictor(ctx context.Context, ref harness.Ref, o host.Options) (harness.Predictor, error) {
	plugin, err := resolve(ctx, host.KindPredictor, ref, builtinPredictors())
	if err != nil {
		return harness.Predictor{}, err
	}
	p := harness.Predictor{Ref: ref, Identity: plugin.Identity, Launcher: launcher{plugin, o}}
	if b, ok := find(builtinPredictors(), ref.Name); ok {
		p.Description, err = describe(ctx, b)
	} else {
		if p.Description, err = ask(ctx, plugin, o); err != nil && ctx.Err() == nil {
			p.Description, err = ask(ctx, plugin, o)
		}
		if errors.Is(err, host.ErrSandbox) {
			return p, sandboxError("predictor "+ref.Title(), err)
		}
		if err != nil && ctx.Err() == nil {
			p.Description = plugins.Description{}
			return p, fmt.Errorf("predictor %s %w: %w", ref.Title(), errBroken, err)
		}
	}
	if err != nil {
		return harness.Predictor{}, fmt.Errorf("predictor %s: %w", ref.Title(), err)
	}
	if err := checkOptions(host.KindPredictor, ref, p.Description); err != nil {
		return p, err
	}
	return p, checkValues(ctx, ref)
}

// checkValues returns an error if a built-in predictor does not accept a value
// of an option. It asks by a fit on nothing: built-in predictors look at their
// options before anything else, which a test guards.
func checkValues(ctx context.Context, ref harness.Ref) error {
	b, ok := find(builtinPredictors(), ref.Name)
	if !ok {
		return nil
	}
	_, err := b.create().Fit(ctx, &plugins.Training{Options: ref.Options, Log: slog.New(slog.DiscardHandler)})
	if errors.Is(err, plugins.ErrOption) {
		return usage(fmt.Errorf("predictor %s: %w", ref.Title(), err))
	}
	return nil
}

// ask starts an external predictor and returns what it says of itself.
func ask(ctx context.Context, plugin host.Plugin, o host.Options) (d plugins.Description, err error) {
	process, err := host.LaunchPredictor(ctx, plugin, o)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	return process.Describe(ctx)
}
