package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/spaces/registry"
)

// grants are the values of a flag of which each adds to what external plugins
// may reach.
type grants []host.Grant

// Set implements pflag.Value.
func (g *grants) Set(s string) error {
	grant, err := host.ParseGrant(s)
	if err != nil {
		return err
	}
	*g = append(*g, grant)
	return nil
}

// String implements pflag.Value.
func (g *grants) String() string {
	var list []string
	for _, grant := range *g {
		list = append(list, grant.String())
	}
	return strings.Join(list, ",")
}

// Type implements pflag.Value.
func (g *grants) Type() string { return "PATH[:rw]" }

// addAllowFlag adds the flag --allow to a command that starts plugins.
func addAllowFlag(cmd *cobra.Command, g *grants) {
	cmd.Flags().Var(g, "allow", "let external plugins read this file or folder, too, or read and write it (:rw); repeatable")
}

// secrets returns the files and folders that hold what predictors are scored
// by: the cache of data, the folder of the run, and what options of spaces
// name. The programs of external spaces are another matter; see programFiles.
func secrets(dir string, spaces []harness.Ref) ([]string, error) {
	list := cacheFolder()
	if dir != "" {
		list = append(list, dir)
	}
	for _, ref := range spaces {
		_, options, err := locate(ref)
		if err != nil {
			return nil, err
		}
		for _, path := range options {
			if _, err := os.Stat(path); err == nil {
				list = append(list, path)
			}
		}
		data, err := tableData(options[tableFile])
		if err != nil {
			return nil, err
		}
		list = append(list, data...)
	}
	return list, nil
}

// tableData returns the path of the data that a table's YAML file names, if it
// does; what else is wrong with the file the space says.
func tableData(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var description struct {
		Data string `yaml:"data"`
	}
	if err := yaml.Unmarshal(text, &description); err != nil || description.Data == "" {
		return nil, nil //nolint:nilerr // see above
	}
	if filepath.IsAbs(description.Data) {
		return []string{description.Data}, nil
	}
	return []string{filepath.Join(filepath.Dir(file), description.Data)}, nil
}

// programFiles returns the path of an external space's program, or of its
// folder for a script, since its labels may lie there; none for a built-in one.
func programFiles(space *host.Plugin) ([]string, error) {
	if !space.External() {
		return nil, nil
	}
	dir, err := host.Folder(space.Path)
	if err != nil {
		return nil, err
	}
	if dir != "" {
		return []string{dir}, nil
	}
	return []string{space.Path}, nil
}

// spaceSandbox returns what an external space may reach: the cache of data,
// what its options name by absolute path, and what is allowed to all plugins.
// It knows the labels anyway.
func spaceSandbox(options map[string]string, allowed grants) host.Sandbox {
	paths := cacheFolder()
	for _, value := range options {
		if filepath.IsAbs(value) {
			paths = append(paths, value)
		}
	}
	s := host.Sandbox{Allowed: allowed}
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			s.Allowed = append(slices.Clip(s.Allowed), host.Grant{Path: path})
		}
	}
	return s
}

// cacheFolder returns the folder of the cache of data, or none where there is
// no place for it.
func cacheFolder() []string {
	cache, err := registry.Default()
	if err != nil {
		return nil
	}
	return []string{cache.Dir}
}

// sandboxError makes an error of a plugin that the sandbox does not let start
// one of the call.
func sandboxError(what string, err error) error {
	return usage(fmt.Errorf("%s: %w; see docs/isolation.md", what, err))
}
