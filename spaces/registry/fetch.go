package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hypernas/hypernas/internal/durable"
)

var (
	// ErrGone is wrapped by errors of a file that does not lie where it is
	// looked for.
	ErrGone = errors.New("not there")
	// ErrMirror is wrapped by errors of a mirror that can't be one.
	ErrMirror = errors.New("unusable mirror")
	// ErrFull is wrapped by errors of a disk without enough space.
	ErrFull = errors.New("not enough disk space")
)

// Fetcher brings files into a cache. A file gets its name there only when it
// is whole and right; until then it lies beside, under its name with .part,
// and a later fetch goes on from there. Any number of processes may fetch into
// one cache.
type Fetcher struct {
	// Progress, if not nil, is told how many bytes of the file at hand there
	// are; it starts again at 0 where a download has to.
	Progress func(done int64)
	// Notice, if not nil, is told in one line why a fetch takes longer.
	Notice func(text string)

	cache  Cache
	dir    string // a mirror that is a folder
	base   string // address of a mirror, without the slash at its end
	client *http.Client
	free   func(dir string) (bytes int64, known bool)

	stall    time.Duration // without a byte for so long, an attempt fails
	wait     time.Duration // after the first failed attempt; then doubled
	patience time.Duration // the longest that a server may make us wait
	attempts int           // that may fail in a row
	gain     int64         // bytes that an attempt has to bring to count as none that failed
}

// NewFetcher returns a fetcher into c. Files come from mirror, a folder or the
// address of one, in which they lie by File.Path or by File.URL without its
// scheme; or, where mirror is empty, from their public addresses. The error
// wraps ErrMirror.
func NewFetcher(c Cache, mirror string) (*Fetcher, error) {
	x := &Fetcher{
		cache: c,
		// The default transport heeds HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
		// There is no limit of time but the one without a byte.
		client: &http.Client{},
		free:   freeBytes,
		// Half a minute is longer than any of the public servers takes to
		// answer; five attempts then wait 1, 2, 4 and 8 seconds.
		stall: 30 * time.Second, wait: time.Second, patience: 2 * time.Minute, attempts: 5, gain: 1 << 20,
	}
	if scheme, _, ok := strings.Cut(mirror, "://"); ok {
		u, err := url.Parse(mirror)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMirror, err)
		}
		if scheme != "http" && scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("%w: %s is neither a folder nor an http or https address", ErrMirror, mirror)
		}
		x.base = strings.TrimRight(mirror, "/")
		return x, nil
	}
	if mirror != "" {
		info, err := os.Stat(mirror)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: there is no folder %s", ErrMirror, mirror)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMirror, err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("%w: %s is no folder", ErrMirror, mirror)
		}
		x.dir = mirror
	}
	return x, nil
}

// Fetch brings f into the cache, unless it is there and right. It reports
// whether it did. The error wraps ErrGone, ErrWrong or ErrFull where that is
// what is the matter, and the context's where it ended.
func (x *Fetcher) Fetch(ctx context.Context, f *File) (fetched bool, err error) {
	lock, err := x.lock(ctx, f)
	if err != nil {
		return false, full(err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	sum, err := x.cache.checkFile(f, x.cache.Path(f))
	switch {
	case err == nil:
		return false, x.cache.Record(f, sum)
	case errors.Is(err, ErrWrong):
		x.notice("%s: %v: it is fetched again", x.cache.Path(f), err)
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	path := x.cache.Path(f)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return false, full(err)
	}
	if x.dir != "" {
		err = x.copyMirror(ctx, f)
	} else {
		err = x.download(ctx, f)
	}
	if err = full(err); errors.Is(err, ErrFull) || errors.Is(err, ErrWrong) {
		err = errors.Join(err, x.cache.drop(f)) // it would keep the disk full, or is of no use
	}
	return err == nil, err
}

// lock takes f's lock, and waits where another process has it.
func (x *Fetcher) lock(ctx context.Context, f *File) (*durable.Lock, error) {
	dir := filepath.Join(x.cache.Dir, "locks")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, strings.ReplaceAll(f.Path, "/", "_"))
	for told := false; ; told = true {
		lock, err := durable.TryLock(path)
		if !errors.Is(err, durable.ErrLocked) {
			return lock, err
		}
		if !told {
			x.notice("%s is being fetched already (%v); waiting for that", f.Name, err)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// copyMirror brings f from a folder.
func (x *Fetcher) copyMirror(ctx context.Context, f *File) (err error) {
	var from *os.File
	for _, place := range places(f) {
		if from, err = os.Open(filepath.Join(x.dir, filepath.FromSlash(place))); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s has no %s", ErrGone, x.dir, f.Path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	return x.cache.take(ctx, f, from, x.Progress)
}

// places returns where a mirror may keep f.
func places(f *File) []string {
	public := strings.TrimPrefix(f.URL(), "https://")
	if public == f.Path {
		return []string{f.Path}
	}
	return []string{f.Path, public}
}

// take copies from into the cache, as f. The caller has f's lock.
func (c Cache) take(ctx context.Context, f *File, from *os.File, progress func(int64)) error {
	part, err := os.OpenFile(c.partPath(f), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	if err = copyTo(ctx, part, from, progress); err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = c.adopt(f)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", from.Name(), err), c.drop(f))
	}
	return nil
}

// copyTo is io.Copy until ctx ends, telling how much was copied.
func copyTo(ctx context.Context, w io.Writer, r io.Reader, progress func(int64)) error {
	buf, done := make([]byte, 1<<18), int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if done += int64(n); progress != nil {
			progress(done)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// partPath is where f lies until it is whole and right, and tagPath what is
// known of the server that it comes from.
func (c Cache) partPath(f *File) string { return c.Path(f) + ".part" }
func (c Cache) tagPath(f *File) string  { return c.Path(f) + ".part.tag" }

// adopt gives f its name, if it is right; a wrong one is removed. The partial
// file is synced already.
func (c Cache) adopt(f *File) error {
	sum, err := c.checkFile(f, c.partPath(f))
	if err != nil {
		if errors.Is(err, ErrWrong) {
			err = errors.Join(err, c.drop(f))
		}
		return err
	}
	if err := c.Record(f, sum); err != nil {
		return err
	}
	if err := os.Rename(c.partPath(f), c.Path(f)); err != nil {
		return err
	}
	return errors.Join(c.drop(f), durable.SyncFolder(filepath.Dir(c.Path(f))))
}

// drop removes what is there of a file that has no name yet.
func (c Cache) drop(f *File) error {
	for _, path := range []string{c.partPath(f), c.tagPath(f)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (x *Fetcher) notice(format string, args ...any) {
	if x.Notice != nil {
		x.Notice(fmt.Sprintf(format, args...))
	}
}

// full wraps the errors of a full disk, or a spent quota, as ErrFull.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// pause waits for d, or returns the context's error when it ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
