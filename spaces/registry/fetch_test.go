package registry

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// contents returns n bytes that look like nothing, and the file that they are.
func contents(n int) ([]byte, *File) {
	data := make([]byte, n)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < n; i++ {
		data[i] = byte(r.Uint32())
	}
	sum := sha256.Sum256(data)
	return data, &File{Name: "f.bin", Path: "example.org/data/f.bin", Bytes: int64(n), SHA256: hex.EncodeToString(sum[:])}
}

// server serves what its script says, one entry a request, the last one for
// ever, and remembers the requests.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func serve(t *testing.T, script ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		i := min(len(s.requests), len(script)-1)
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		script[i](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// seen returns the headers of that name that came, one a request.
func (s *server) seen(header string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var values []string
	for _, r := range s.requests {
		values = append(values, r.Header.Get(header))
	}
	return values
}

// file serves data, with ranges and conditions, under an ETag if that is given.
func file(data []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// whole serves data always from its start.
func whole(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data)
	}
}

func status(code int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}
}

// limited passes n bytes of a body on and then calls end.
type limited struct {
	http.ResponseWriter
	n   int
	end func()
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.ResponseWriter.Write(p[:min(len(p), l.n)])
	l.n -= n
	if l.n == 0 && err == nil {
		l.ResponseWriter.(http.Flusher).Flush()
		l.end()
		return n, io.ErrShortWrite
	}
	return n, err
}

// cut breaks the connection after n bytes of the body.
func cut(n int, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h(&limited{w, n, func() { panic(http.ErrAbortHandler) }}, r)
	}
}

// hang sends n bytes of the body and then nothing, until the client goes.
func hang(n int, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h(&limited{w, n, func() { <-r.Context().Done() }}, r)
	}
}

// fetcher returns one into a new cache that does not wait between attempts.
func fetcher(t *testing.T, mirror string) *Fetcher {
	t.Helper()
	return fetcherInto(t, t.TempDir(), mirror)
}

func fetcherInto(t *testing.T, dir, mirror string) *Fetcher {
	t.Helper()
	x, err := NewFetcher(Cache{dir}, mirror)
	if err != nil {
		t.Fatal(err)
	}
	x.wait = time.Microsecond
	x.gain = 1 << 12
	return x
}

// checkHas checks that the cache has the file, whole and right, and nothing
// else.
func (x *Fetcher) checkHas(t *testing.T, f *File, data []byte) {
	t.Helper()
	if got, err := os.ReadFile(x.cache.Path(f)); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the cache has %d bytes, %v, want the %d of the file", len(got), err, len(data))
	}
	x.checkNoPart(t, f)
}

// checkHasNot checks that the cache has no file of that name.
func (x *Fetcher) checkHasNot(t *testing.T, f *File) {
	t.Helper()
	if _, err := os.Stat(x.cache.Path(f)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cache has the file (%v)", err)
	}
}

func (x *Fetcher) checkNoPart(t *testing.T, f *File) {
	t.Helper()
	for _, path := range []string{x.cache.partPath(f), x.cache.tagPath(f)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left over (%v)", path, err)
		}
	}
}

func TestFetch(t *testing.T) {
	data, f := contents(300_000)
	s := serve(t, file(data, `"1"`))
	x := fetcher(t, s.URL+"/mirror/")
	var last int64
	x.Progress = func(done int64) { last = done }
	for _, want := range []bool{true, false} {
		if got, err := x.Fetch(t.Context(), f); err != nil || got != want {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	}
	x.checkHas(t, f, data)
	if last != f.Bytes {
		t.Errorf("the last progress was %d, want %d", last, f.Bytes)
	}
	if len(s.requests) != 1 || s.requests[0].URL.Path != "/mirror/example.org/data/f.bin" {
		t.Errorf("the server got %d requests, the first for %s", len(s.requests), s.requests[0].URL)
	}
}

// TestResume breaks off a download in several ways and checks that it goes on
// where it was.
func TestResume(t *testing.T) {
	data, f := contents(300_000)
	other := slices.Clone(data)
	other[10] ^= 1 // the same size, another file
	unsized := func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush() // the head has no length then
		_, _ = w.Write(data)
	}
	for _, test := range []struct {
		name   string
		script []http.HandlerFunc
		ranges []string // of the requests
		ifs    []string
	}{
		{"connection lost", []http.HandlerFunc{cut(200_000, file(data, `"1"`)), file(data, `"1"`)}, []string{"", "bytes=200000-"}, []string{"", `"1"`}},
		{"lost twice", []http.HandlerFunc{cut(100_000, file(data, `"1"`)), cut(100_000, file(data, `"1"`)), file(data, `"1"`)}, []string{"", "bytes=100000-", "bytes=200000-"}, []string{"", `"1"`, `"1"`}},
		{"no ranges", []http.HandlerFunc{cut(200_000, whole(data)), whole(data)}, []string{"", "bytes=200000-"}, []string{"", ""}},
		{"no length", []http.HandlerFunc{unsized}, []string{""}, []string{""}},
		{"changed, with ETag", []http.HandlerFunc{cut(200_000, file(other, `"1"`)), file(data, `"2"`)}, []string{"", "bytes=200000-"}, []string{"", `"1"`}},
		// A weak ETag says nothing about bytes: the hash of the whole decides.
		{"changed, no validator", []http.HandlerFunc{cut(200_000, file(other, `W/"1"`)), file(data, "")}, []string{"", "bytes=200000-", ""}, []string{"", "", ""}},
		{"wrong range", []http.HandlerFunc{cut(200_000, file(data, "")), func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", "bytes=5-")
			file(data, "")(w, r)
		}, file(data, "")}, []string{"", "bytes=5-", ""}, []string{"", "", ""}},
		{"shorter meanwhile", []http.HandlerFunc{cut(200_000, file(data, "")), status(http.StatusRequestedRangeNotSatisfiable, ""), file(data, "")}, []string{"", "bytes=200000-", ""}, []string{"", "", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.script...)
			x := fetcher(t, s.URL)
			if _, err := x.Fetch(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			x.checkHas(t, f, data)
			if got := s.seen("Range"); !slices.Equal(got, test.ranges) {
				t.Errorf("ranges %q, want %q", got, test.ranges)
			}
			if got := s.seen("If-Range"); !slices.Equal(got, test.ifs) {
				t.Errorf("conditions %q, want %q", got, test.ifs)
			}
		})
	}
}

// TestInterrupt ends a download by its context; the next one goes on from
// there.
func TestInterrupt(t *testing.T) {
	data, f := contents(300_000)
	s := serve(t, hang(200_000, file(data, `"1"`)), file(data, `"1"`))
	x := fetcher(t, s.URL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	x.Progress = func(done int64) {
		if done == 200_000 {
			cancel()
		}
	}
	if _, err := x.Fetch(ctx, f); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it was canceled", err)
	}
	x.checkHasNot(t, f)
	x = fetcherInto(t, x.cache.Dir, s.URL)
	if _, err := x.Fetch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	x.checkHas(t, f, data)
	if got := s.seen("Range"); !slices.Equal(got, []string{"", "bytes=200000-"}) {
		t.Errorf("ranges %q", got)
	}
	// Where everything came but the name, no server is asked.
	if err := os.Rename(x.cache.Path(f), x.cache.partPath(f)); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Fetch(t.Context(), f); err != nil || len(s.seen("Range")) != 2 {
		t.Errorf("%v, after %d requests", err, len(s.seen("Range")))
	}
	x.checkHas(t, f, data)
}

// TestWrong serves files that are not the right one.
func TestWrong(t *testing.T) {
	data, f := contents(300_000)
	other := slices.Clone(data)
	other[299_999] ^= 1
	for name, script := range map[string][]http.HandlerFunc{
		"wrong hash":  {file(other, `"1"`)},
		"shorter":     {file(data[:1000], `"1"`)},
		"longer":      {file(append(slices.Clone(data), 0), `"1"`)},
		"empty":       {file(nil, `"1"`)},
		"wrong twice": {cut(100_000, file(other, "")), file(other, "")},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(data); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, script...)
			x := fetcher(t, s.URL)
			if _, err := x.Fetch(t.Context(), f); !errors.Is(err, ErrWrong) {
				t.Errorf("got %v, want ErrWrong", err)
			}
			x.checkHasNot(t, f)
			x.checkNoPart(t, f)
			if got := len(s.seen("Range")); got > 3 || got > 1 && len(script) == 1 {
				t.Errorf("%d requests", got)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	data, f := contents(10_000)
	for _, test := range []struct {
		name     string
		script   []http.HandlerFunc
		requests int
		want     string // of the error
		is       error
	}{
		{"404", []http.HandlerFunc{status(404, "")}, 1, "404 Not Found", ErrGone},
		{"410", []http.HandlerFunc{status(410, "")}, 1, "410 Gone", ErrGone},
		{"403", []http.HandlerFunc{status(403, "")}, 1, "403 Forbidden", nil},
		{"503 then success", []http.HandlerFunc{status(503, "0"), status(503, ""), whole(data)}, 3, "", nil},
		{"429, 408, 500, 502 then success", []http.HandlerFunc{status(429, ""), status(408, ""), status(500, ""), status(502, ""), whole(data)}, 5, "", nil},
		{"503 for ever", []http.HandlerFunc{status(503, "")}, 5, "503 Service Unavailable; gave up after 5 attempts", nil},
		{"a long pause", []http.HandlerFunc{status(503, "3600")}, 1, "asks for a pause of 1h0m0s", nil},
		{"a long pause, by date", []http.HandlerFunc{status(429, "Fri, 31 Dec 9999 23:59:59 GMT")}, 1, "asks for a pause of", nil},
		{"always cut", []http.HandlerFunc{cut(5000, whole(data))}, 5, "unexpected EOF; gave up", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.script...)
			x := fetcher(t, s.URL)
			_, err := x.Fetch(t.Context(), f)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want success", err)
			case test.want == "":
				x.checkHas(t, f, data)
			case err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is):
				t.Errorf("got %v, want %q", err, test.want)
			default:
				x.checkHasNot(t, f)
			}
			if got := len(s.seen("Range")); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
}

// TestRetryAfter checks that a server's wish is heeded, by a context that ends
// in the pause.
func TestRetryAfter(t *testing.T) {
	_, f := contents(1000)
	x := fetcher(t, serve(t, status(503, "60")).URL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var notices []string
	x.Notice = func(text string) {
		notices = append(notices, text)
		cancel()
	}
	if _, err := x.Fetch(ctx, f); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
	if len(notices) != 1 || !strings.HasSuffix(notices[0], "attempt 2 of 5 in 1m0s") {
		t.Errorf("notices %q", notices)
	}
}

func TestStall(t *testing.T) {
	data, f := contents(300_000)
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s := serve(t, silent, hang(200_000, file(data, `"1"`)), file(data, `"1"`))
	x := fetcher(t, s.URL)
	x.stall = 100 * time.Millisecond
	if _, err := x.Fetch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	x.checkHas(t, f, data)

	x = fetcher(t, serve(t, silent).URL)
	x.stall, x.attempts = 10*time.Millisecond, 2
	if _, err := x.Fetch(t.Context(), f); !errors.Is(err, errStalled) || !strings.Contains(err.Error(), "gave up after 2 attempts") {
		t.Errorf("got %v", err)
	}
	x.checkHasNot(t, f)
}

func TestUnreachable(t *testing.T) {
	_, f := contents(1000)
	s := serve(t, status(200, ""))
	s.Close()
	x := fetcher(t, s.URL)
	if _, err := x.Fetch(t.Context(), f); err == nil || !strings.Contains(err.Error(), "gave up after 5 attempts") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Fetch(ctx, f); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

// TestDamaged checks that a file that lies in the cache and is wrong is named,
// and replaced.
func TestDamaged(t *testing.T) {
	data, f := contents(300_000)
	x := fetcher(t, serve(t, file(data, "")).URL)
	for want, damaged := range map[string][]byte{"it has 1000 bytes, want 300000": data[:1000], "its SHA-256 is": append([]byte{data[0] ^ 1}, data[1:]...)} {
		if err := os.MkdirAll(filepath.Dir(x.cache.Path(f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(x.cache.Path(f), damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := x.cache.Check(f); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), x.cache.Path(f)) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := x.Fetch(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		x.checkHas(t, f, data)
		if err := x.cache.Check(f); err != nil {
			t.Error(err)
		}
	}
}

func TestMirrorFolder(t *testing.T) {
	data, f := contents(300_000)
	f.Path = "github.com/someone/something/0123/f.bin"
	for place, is := range map[string]error{
		"github.com/someone/something/0123/f.bin":                nil,
		"raw.githubusercontent.com/someone/something/0123/f.bin": nil,
		"elsewhere/f.bin": ErrGone,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.FromSlash(place))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o444); err != nil {
			t.Fatal(err)
		}
		x := fetcher(t, dir)
		fetched, err := x.Fetch(t.Context(), f)
		if !errors.Is(err, is) || fetched != (err == nil) {
			t.Errorf("%s: got %v, %v, want %v", place, fetched, err, is)
		}
		if err == nil {
			x.checkHas(t, f, data)
		}
		wrong := *f
		wrong.SHA256 = strings.Repeat("0", 64)
		x = fetcher(t, dir)
		if _, err := x.Fetch(t.Context(), &wrong); is == nil && !errors.Is(err, ErrWrong) {
			t.Errorf("a wrong file: got %v", err)
		}
		x.checkHasNot(t, f)
		x.checkNoPart(t, f)
	}
	s := serve(t, status(404, ""), whole(data))
	if _, err := fetcher(t, s.URL).Fetch(t.Context(), f); err != nil || s.requests[1].URL.Path != "/raw.githubusercontent.com/someone/something/0123/f.bin" {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "none"), "ftp://example.org", "http://", "fetch_test.go"} {
		if _, err := NewFetcher(Cache{t.TempDir()}, bad); !errors.Is(err, ErrMirror) {
			t.Errorf("mirror %s: got %v, want ErrMirror", bad, err)
		}
	}
}

// TestRecorded is about files without a published SHA-256.
func TestRecorded(t *testing.T) {
	data, f := contents(10_000)
	sum := md5.Sum(data)
	f.SHA256, f.MD5 = "", hex.EncodeToString(sum[:])
	x := fetcher(t, serve(t, file(data, "")).URL)
	if _, err := x.Fetch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	x.checkHas(t, f, data)
	wrong := *f
	wrong.MD5 = strings.Repeat("0", 32)
	if err := x.cache.Check(&wrong); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "MD5") {
		t.Errorf("got %v", err)
	}

	records := tfrecord("one", "two", "three")
	g := &File{Name: "g.tfrecord", Path: "example.org/g.tfrecord", Bytes: 100, Check: checkTFRecord}
	x = fetcher(t, serve(t, file(records[:20], ""), cut(20, whole(records)), file(records, ""), file(tfrecord("other"), "")).URL)
	if _, err := x.Fetch(t.Context(), g); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "at byte 19") {
		t.Errorf("cut short: got %v", err)
	}
	if _, err := x.Fetch(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	x.checkHas(t, g, records)
	// Another file that is whole, too, is not the one that was there first.
	if err := os.Remove(x.cache.Path(g)); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Fetch(t.Context(), g); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "as recorded in") {
		t.Errorf("changed: got %v", err)
	}
	x.checkHasNot(t, g)
}

func TestImport(t *testing.T) {
	data, f := contents(10_000)
	records := tfrecord("one", "two")
	set := Set{Name: "made up", Files: []File{*f, {Name: "g.tfrecord", Path: "example.org/g.tfrecord", Bytes: 100, Check: checkTFRecord}}}
	dir := t.TempDir()
	local := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	x := fetcher(t, "")
	for _, path := range []string{local("any name", data), local("g.tfrecord", records)} {
		got, _, err := x.cache.Identify(&set, path)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := x.Import(t.Context(), got, path); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.cache.Check(got); err != nil {
			t.Error(err)
		}
		x.checkNoPart(t, got)
		if err := x.Import(t.Context(), got, x.cache.Path(got)); err != nil {
			t.Errorf("onto itself: %v", err)
		}
	}
	x.checkHas(t, f, data)
	for _, path := range []string{local("f.bin", data[1:]), local("g.tfrecord", records[1:]), local("g.tfrecord", tfrecord("two")), dir} {
		if _, _, err := x.cache.Identify(&set, path); !errors.Is(err, ErrWrong) && path != dir || err == nil {
			t.Errorf("%s: got %v, want an error", path, err)
		}
	}
	if err := x.Import(t.Context(), f, local("f.bin", data[1:])); !errors.Is(err, ErrWrong) {
		t.Errorf("got %v, want ErrWrong", err)
	}
	x.checkHas(t, f, data)
}

// TestTwoProcesses fetches one file into one cache from two processes at once,
// and then again while one is killed.
func TestTwoProcesses(t *testing.T) {
	data, f := contents(300_000)
	if mirror := os.Getenv("REGISTRY_TEST_MIRROR"); mirror != "" {
		x := fetcherInto(t, os.Getenv("REGISTRY_TEST_CACHE"), mirror)
		x.Notice = func(text string) { fmt.Println("notice:", text) }
		if _, err := x.Fetch(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		return
	}
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		file(data, `"1"`)(w, r)
	})
	x := fetcher(t, s.URL)
	waiting := make(chan bool, 2)
	done := make(chan error, 2)
	for range 2 {
		cmd, out := child(t, s.URL, x.cache.Dir)
		go func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if strings.Contains(lines.Text(), "waiting for that") {
					waiting <- true
				}
			}
			done <- cmd.Wait()
		}()
	}
	<-waiting // one of them has the lock, then, and the other does not
	close(release)
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	x.checkHas(t, f, data)
	if got := len(s.seen("Range")); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}

	// A killed process leaves neither a lock nor a wrong file, and its bytes
	// are used.
	killed, sent := make(chan struct{}), make(chan struct{})
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		file(data, `"1"`)(&limited{w, 200_000, func() {
			close(sent)
			<-killed
			panic(http.ErrAbortHandler)
		}}, r)
	}, file(data, `"1"`))
	x = fetcher(t, s.URL)
	cmd, _ := child(t, s.URL, x.cache.Dir)
	<-sent
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	close(killed)
	x.checkHasNot(t, f)
	if _, err := x.Fetch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	x.checkHas(t, f, data)
}

// child starts this test's binary as a process that fetches.
func child(t *testing.T, mirror, cache string, env ...string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
	cmd.Env = append(os.Environ(), append([]string{"REGISTRY_TEST_MIRROR=" + mirror, "REGISTRY_TEST_CACHE=" + cache}, env...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// TestProxy fetches from a host that only the proxy of the environment knows.
func TestProxy(t *testing.T) {
	data, f := contents(300_000)
	proxy := serve(t, file(data, `"1"`))
	x := fetcher(t, "")
	cmd, out := child(t, "http://mirror.invalid/below", x.cache.Dir, "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	x.checkHas(t, f, data)
	if got := proxy.requests[0].URL.String(); got != "http://mirror.invalid/below/example.org/data/f.bin" {
		t.Errorf("the proxy was asked for %s", got)
	}
}

// TestNoSpace checks that a download that does not fit is not begun.
func TestNoSpace(t *testing.T) {
	data, f := contents(300_000)
	x := fetcher(t, serve(t, file(data, "")).URL)
	x.free = func(string) (int64, bool) { return 299_999, true }
	_, err := x.Fetch(t.Context(), f)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "f.bin needs 0.3 MB more") {
		t.Errorf("got %v, want ErrFull", err)
	}
	x.checkHasNot(t, f)
	x.checkNoPart(t, f)
}

func TestContentRange(t *testing.T) {
	for s, want := range map[string][2]int64{
		"bytes 10-99/100": {10, 100}, "bytes 0-0/*": {0, -1},
		"": {-1}, "bytes */100": {-1}, "bytes 10-99": {-1}, "items 1-2/3": {-1}, "bytes x-2/3": {-1}, "bytes 1-2/x": {-1},
	} {
		start, size, err := parseContentRange(s)
		if (err != nil) != (want[0] < 0) || err == nil && (start != want[0] || size != want[1]) {
			t.Errorf("%q: got %d, %d, %v, want %v", s, start, size, err, want)
		}
	}
}
