package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/spaces/nasbench101"
	"github.com/hypernas/hypernas/spaces/registry"
)

// importers are the files that a search space turns into a table of its own,
// by set and file joined with a slash: of these the table is kept, and the
// space does not need the file.
func importers() map[string]func(cache registry.Source, file io.Reader) error {
	return map[string]func(registry.Source, io.Reader) error{
		"nasbench101/" + nasbench101.OfficialFile: nasbench101.Import,
	}
}

func newDataCommand() *cobra.Command {
	group := groupCommand("data", "Fetch and check the files that search spaces read",
		newDataListCommand(), newDataGetCommand(), newDataVerifyCommand(), newDataImportCommand(), newDataPathCommand())
	group.Long = `Search spaces other than bundled read public files, which hypernas fetches into
a cache on this machine: the folder hypernas in XDG_CACHE_HOME, or in what stands
for that on the system. hypernas data path says where. A file gets its name there
only when its SHA-256 is right, and each reading checks it again.`
	group.Example = `  hypernas data get nasbench201 autoformer-tiny
  hypernas data get all --mirror /mnt/mirror
  hypernas data verify`
	return group
}

// dataFile is a file with the set that it belongs to.
type dataFile struct {
	set  registry.Set
	file *registry.File
}

func (d dataFile) String() string { return d.set.Name + "/" + d.file.Name }

// lookupSet returns the set of that name, or the one that the space of that
// name reads. The error says which there are.
func lookupSet(name string) (registry.Set, error) {
	s, ok := registry.Lookup(name)
	if ok {
		return s, nil
	}
	var names []string
	for _, s := range registry.Sets() {
		names = append(names, s.Name)
	}
	if _, ok := find(builtinSpaces(), name); ok {
		return s, usage(fmt.Errorf("space %s reads no files; those of others are %s", name, strings.Join(names, ", ")))
	}
	return s, usage(fmt.Errorf("unknown set %q; there are %s", name, strings.Join(names, ", ")))
}

// lookupFile returns a file of a set by its name.
func lookupFile(s registry.Set, name string) (dataFile, error) {
	if f := s.File(name); f != nil {
		return dataFile{s, f}, nil
	}
	var names []string
	for _, f := range s.Files {
		names = append(names, f.Name)
	}
	return dataFile{}, usage(fmt.Errorf("%s has no file %q; it has %s", s.Name, name, strings.Join(names, ", ")))
}

// selectFiles returns the files that args name: sets, spaces, SET/FILE, or
// all.
func selectFiles(args []string) ([]dataFile, error) {
	var files []dataFile
	add := func(d dataFile) {
		if !slices.ContainsFunc(files, func(other dataFile) bool { return other.file.Path == d.file.Path }) {
			files = append(files, d)
		}
	}
	for _, arg := range args {
		if arg == "all" {
			for _, s := range registry.Sets() {
				for _, f := range s.Wanted() {
					if !f.Explicit {
						add(dataFile{s, f})
					}
				}
			}
			continue
		}
		name, file, one := strings.Cut(arg, "/")
		s, err := lookupSet(name)
		if err != nil {
			return nil, err
		}
		if one {
			d, err := lookupFile(s, file)
			if err != nil {
				return nil, err
			}
			add(d)
			continue
		}
		for _, f := range s.Wanted() {
			add(dataFile{s, f})
		}
	}
	return files, nil
}

func newDataListCommand() *cobra.Command {
	var long bool
	cmd := &cobra.Command{
		Use:   "list [SET|SPACE…]",
		Short: "List the files: size, license, whether they are in the cache, and what to cite",
		Example: `  hypernas data list
  hypernas data list nasbench201 --long`,
		RunE: func(cmd *cobra.Command, args []string) error {
			sets := registry.Sets()
			if len(args) > 0 {
				sets = nil
				for _, arg := range args {
					s, err := lookupSet(arg)
					if err != nil {
						return err
					}
					sets = append(sets, s)
				}
			}
			cache, err := registry.Default()
			if err != nil {
				return err
			}
			for i, s := range sets {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if err := listSet(cmd.OutOrStdout(), cache, s, long); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&long, "long", false, "say also what each file holds, its address and its SHA-256")
	return cmd
}

// listSet writes a set and its files.
func listSet(out io.Writer, cache registry.Cache, s registry.Set, long bool) error {
	title := s.Name + ": " + s.Summary
	if s.Spaces != nil {
		title += " (spaces " + strings.Join(s.Spaces, ", ") + ")"
	}
	fmt.Fprintf(out, "%s\n  cite %s\n", title, s.Citation)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range s.Files {
		f := &s.Files[i]
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", f.Name, bytesOf(f), license(f), state(cache, f))
		if long {
			// Lines without tabs end the columns, so each file is aligned by itself.
			fmt.Fprintf(w, "    %s\n    %s\n    %s\n", f.Summary, f.URL(), checksum(f))
		}
	}
	return w.Flush()
}

func license(f *registry.File) string { return "license " + f.License }

// bytesOf is f's size, with commas.
func bytesOf(f *registry.File) string {
	digits := fmt.Sprint(f.Bytes)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if f.SHA256 == "" && f.MD5 == "" {
		digits = "about " + digits
	}
	return digits + " bytes"
}

// checksum says what shows that f is right.
func checksum(f *registry.File) string {
	switch {
	case f.SHA256 != "":
		return "SHA-256 " + f.SHA256
	case f.MD5 != "":
		return "MD5 " + f.MD5 + "; its SHA-256 is recorded when it first comes"
	}
	return "checksums in the file; its SHA-256 is recorded when it first comes"
}

// state says whether f is in the cache, without reading it.
func state(cache registry.Cache, f *registry.File) string {
	info, err := os.Stat(cache.Path(f))
	switch {
	case err == nil && cache.Present(f):
		return "in the cache"
	case err == nil:
		return fmt.Sprintf("WRONG: %d bytes", info.Size())
	case !errors.Is(err, fs.ErrNotExist):
		return err.Error()
	case f.Explicit:
		return "not in the cache; fetched only by its name"
	}
	return "not in the cache"
}

func newDataGetCommand() *cobra.Command {
	mirror := os.Getenv("HYPERNAS_MIRROR")
	cmd := &cobra.Command{
		Use:   "get SET|SPACE|SET/FILE…|all",
		Short: "Fetch files into the cache",
		Long: `get downloads what the named sets, or the sets of the named spaces, consist of;
all stands for every file but the two that are fetched only by name: the official
NAS-Bench-101 (nasbench101/nasbench_only108.tfrecord, 499 MB) and CIFAR-10
(cifar10, 170 MB). Files that are in the cache already, and right, are left alone.

A download that was interrupted is resumed by the same command. Lost connections,
time-outs and busy servers are tried again. HTTP_PROXY, HTTPS_PROXY and NO_PROXY
are heeded. A mirror is a folder or an address below which a file of
https://raw.githubusercontent.com/… lies as github.com/… (or as
raw.githubusercontent.com/…), and any other by host and path.

Exit codes: 0 everything is there, 1 a file could not be fetched, 2 the call was
wrong and nothing was done.`,
		Example: `  hypernas data get nasbench201 autoformer-tiny
  hypernas data get all --mirror /mnt/mirror
  HYPERNAS_MIRROR=https://mirror.example.org/data hypernas data get all
  hypernas data get nasbench101/nasbench_only108.tfrecord`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := selectFiles(args)
			if err != nil {
				return err
			}
			cache, err := registry.Default()
			if err != nil {
				return err
			}
			fetcher, err := registry.NewFetcher(cache, mirror)
			if errors.Is(err, registry.ErrMirror) {
				return usage(err)
			}
			if err != nil {
				return err
			}
			return getFiles(cmd, cache, fetcher, files)
		},
	}
	cmd.Flags().StringVar(&mirror, "mirror", mirror, "folder or address to fetch from instead of the public addresses (HYPERNAS_MIRROR)")
	return cmd
}

// getFiles fetches files one after the other. A file that is not where it
// should be, or wrong, does not keep the others from being fetched; anything
// else that fails would fail for them, too.
func getFiles(cmd *cobra.Command, cache registry.Cache, fetcher *registry.Fetcher, files []dataFile) error {
	total := int64(0)
	for _, d := range files {
		total += d.file.Bytes
	}
	show := newTransfer(cmd.ErrOrStderr(), total)
	fetcher.Progress, fetcher.Notice = show.progress, show.notice
	fetched, there, failed := 0, 0, []error(nil)
	for _, d := range files {
		show.begin(d.String(), d.file.Bytes)
		news, err := fetcher.Fetch(cmd.Context(), d.file)
		if err == nil {
			err = convert(cmd.Context(), cache, d, cache.Path(d.file), show)
		}
		switch {
		case err == nil && news:
			fetched++
			show.end("fetched")
		case err == nil:
			there++
			show.end("")
		default:
			failed = append(failed, fmt.Errorf("%s: %w", d, err))
			show.end("")
		}
		if err != nil && !errors.Is(err, registry.ErrGone) && !errors.Is(err, registry.ErrWrong) {
			break
		}
	}
	show.close()
	if cmd.Context().Err() != nil {
		return errors.New("interrupted; what was fetched is kept, and the same command goes on from there")
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	noun, size := "files", registry.Size(total)
	if len(files) == 1 {
		noun = "file"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d %s (%s) in %s: %d fetched, %d there already\n", len(files), noun, size, cache.Dir, fetched, there)
	return err
}

// convert makes the table that a space reads in place of the file, which lies
// at path; most files have none.
func convert(ctx context.Context, cache registry.Cache, d dataFile, path string, show *transfer) (err error) {
	importer, ok := importers()[d.String()]
	if !ok {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	done := int64(0)
	watched := readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := file.Read(p)
		done += int64(n)
		show.progress(done)
		return n, err
	})
	if err := importer(cache, watched); err != nil {
		return fmt.Errorf("import %s: %w", path, err)
	}
	return nil
}

// readFunc is a reader that is one function.
type readFunc func(p []byte) (int, error)

// Read implements io.Reader.
func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func newDataVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [SET|SPACE|SET/FILE…]",
		Short: "Read the files in the cache and compare their SHA-256",
		Long: `verify reads every file of the named sets that is in the cache, or every file
there is, and says whether it is right. Missing files are mentioned and no error.

Exit codes: 0 no file is wrong, 1 one is, 2 the call was wrong.`,
		Example: `  hypernas data verify
  hypernas data verify nasbench201`,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := selectFiles(args)
			if err != nil {
				return err
			}
			cache, err := registry.Default()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				for _, s := range registry.Sets() {
					for i := range s.Files {
						files = append(files, dataFile{s, &s.Files[i]})
					}
				}
			}
			return verifyFiles(cmd, cache, files)
		},
	}
}

func verifyFiles(cmd *cobra.Command, cache registry.Cache, files []dataFile) error {
	right, wrong, missing := 0, 0, 0
	for _, d := range files {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		err := cache.Check(d.file)
		line := "right    " + d.String()
		switch {
		case err == nil:
			right++
		case errors.Is(err, fs.ErrNotExist):
			missing++
			line = "missing  " + d.String()
		default:
			wrong++
			line = "WRONG    " + d.String() + ": " + err.Error()
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d files in the cache are wrong; hypernas data get with their names replaces them", wrong, right+wrong)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d right, %d missing\n", right, missing)
	return err
}

func newDataImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import SET FILE",
		Short: "Take a file that you have into the cache, once it is checked",
		Long: `import finds out which file of the set a local file is, by its SHA-256, whatever
it is called, and copies it into the cache. Two files have no published SHA-256:
the official NAS-Bench-101 is known by its name and checked by the checksums in it,
CIFAR-10 by its MD5; their SHA-256 is recorded then, and compared ever after. Of
NAS-Bench-101 the table that the search space reads is kept, not the file.`,
		Example: `  hypernas data import nasbench101 nasbench_only108.tfrecord
  hypernas data import cifar10 ~/cifar-10-binary.tar.gz`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := lookupSet(args[0])
			if err != nil {
				return err
			}
			path := args[1]
			if info, err := os.Stat(path); err != nil {
				return usage(err)
			} else if !info.Mode().IsRegular() {
				return usage(fmt.Errorf("%s is no regular file", path))
			}
			cache, err := registry.Default()
			if err != nil {
				return err
			}
			return importFile(cmd, cache, s, path)
		},
	}
}

func importFile(cmd *cobra.Command, cache registry.Cache, s registry.Set, path string) error {
	f, sum, err := cache.Identify(&s, path)
	if err != nil {
		return err
	}
	d := dataFile{s, f}
	show := newTransfer(cmd.ErrOrStderr(), f.Bytes)
	show.begin(d.String(), f.Bytes)
	where := cache.Path(f)
	if _, ok := importers()[d.String()]; ok {
		where = "a table of its own in " + cache.Dir
		if err = convert(cmd.Context(), cache, d, path, show); err == nil {
			err = cache.Record(f, sum)
		}
	} else {
		var fetcher *registry.Fetcher
		if fetcher, err = registry.NewFetcher(cache, ""); err == nil {
			fetcher.Progress, fetcher.Notice = show.progress, show.notice
			err = fetcher.Import(cmd.Context(), f, path)
		}
	}
	show.end("")
	show.close()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s, SHA-256 %s, is in the cache: %s\n", d, sum, where)
	return err
}

func newDataPathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path [SET|SPACE [FILE]]",
		Short: "Say where the cache is, or where in it files lie once they are fetched",
		Example: `  hypernas data path
  hypernas data path nasbench201 nats_bench.csv`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cache, err := registry.Default()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), cache.Dir)
				return err
			}
			s, err := lookupSet(args[0])
			if err != nil {
				return err
			}
			var files []dataFile
			for i := range s.Files {
				files = append(files, dataFile{s, &s.Files[i]})
			}
			if len(args) == 2 {
				d, err := lookupFile(s, args[1])
				if err != nil {
					return err
				}
				files = []dataFile{d}
			}
			for _, d := range files {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), cache.Path(d.file)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
