package registry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hypernas/hypernas/internal/durable"
)

// download brings f from a server.
func (x *Fetcher) download(ctx context.Context, f *File) (err error) {
	addresses := []string{f.URL()}
	if x.base != "" {
		addresses = nil
		for _, place := range places(f) {
			addresses = append(addresses, x.base+"/"+place)
		}
	}
	for _, address := range addresses {
		if err = x.persist(ctx, f, address); err != nil {
			err = fmt.Errorf("download %s: %w", address, err)
		}
		if !errors.Is(err, ErrGone) {
			break
		}
	}
	return err
}

// persist downloads f from one address, as often as it takes and makes sense.
func (x *Fetcher) persist(ctx context.Context, f *File, address string) error {
	p, err := x.cache.open(f)
	if err != nil {
		return err
	}
	resumed := p.size > 0
	for again := true; ; again = false {
		if !x.whole(f, p) {
			err = x.retry(ctx, f, address, p)
		}
		if err == nil {
			err = p.file.Sync()
		}
		if err = errors.Join(err, p.file.Close()); err != nil {
			return err
		}
		err = x.cache.adopt(f)
		if !errors.Is(err, ErrWrong) || !again || !resumed && !p.joined {
			return err
		}
		// The parts may be of different files: only a download in one piece
		// says what the server has.
		x.notice("what was fetched of %s in parts does not fit together; fetching it as a whole", f.Name)
		if p, err = x.cache.open(f); err != nil {
			return err
		}
	}
}

// whole reports whether all bytes are there, though not whether they are
// right.
func (*Fetcher) whole(f *File, p *partial) bool { return f.exact() && p.size == f.Bytes }

// retry attempts the download until it ends, waiting longer after each failure.
func (x *Fetcher) retry(ctx context.Context, f *File, address string, p *partial) error {
	best, wait, failed := p.size, x.wait, 0
	for {
		err := x.attempt(ctx, f, address, p)
		t, ok := errors.AsType[*temporary](err)
		if !ok {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// An attempt that brought something new is a slow success. Comparing
		// with the most there ever was keeps a server that always breaks off
		// at the same place, and can't resume, from going on for ever.
		if p.size >= best+x.gain {
			best, wait, failed = p.size, x.wait, 0
		}
		failed++
		if failed >= x.attempts {
			return fmt.Errorf("%w; gave up after %d attempts, the same command goes on from what is there", err, failed)
		}
		if t.after > x.patience {
			return fmt.Errorf("%w; the server asks for a pause of %v, try again then", err, t.after.Round(time.Second))
		}
		delay := max(wait, t.after)
		x.notice("%s: %v; attempt %d of %d in %v", f.Name, err, failed+1, x.attempts, delay)
		if err := pause(ctx, delay); err != nil {
			return err
		}
		wait *= 2
	}
}

// temporary is an error that another attempt may not meet.
type temporary struct {
	err   error
	after time.Duration // the server asked for this pause
}

func (t *temporary) Error() string { return t.err.Error() }
func (t *temporary) Unwrap() error { return t.err }

// errStalled is why an attempt ends that brings nothing any more.
var errStalled = errors.New("nothing came")

// attempt asks once for what is missing of f, and adds it to p.
func (x *Fetcher) attempt(ctx context.Context, f *File, address string, p *partial) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(x.stall, func() { cancel(fmt.Errorf("%w for %v", errStalled, x.stall)) })
	defer stall.Stop()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept-Encoding", "identity") // sizes and offsets are those of the file
	if err := p.prepare(f, address, request.Header); err != nil {
		return err
	}
	offset := p.size
	response, err := x.client.Do(request)
	if err != nil {
		return classify(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // all that matters was read, or failed before
	total, err := p.receive(response, offset)
	if err != nil {
		return err
	}
	switch {
	case f.exact() && total >= 0 && total != f.Bytes:
		return fmt.Errorf("%w: it has %d bytes, want %d", ErrWrong, total, f.Bytes)
	case total < 0:
		total = f.Bytes
	}
	if free, known := x.free(x.cache.Dir); known && free < total-p.size {
		return fmt.Errorf("%w: %s needs %s more, and %s has %s", ErrFull, f.Name, Size(total-p.size), x.cache.Dir, Size(free))
	}
	// A file without an exact size may be larger than stated, but not fill the
	// disk.
	limit := f.Bytes
	if !f.exact() {
		limit *= 4
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := response.Body.Read(buf)
		stall.Reset(x.stall)
		if p.size+int64(n) > limit {
			return fmt.Errorf("%w: it has more than %d bytes", ErrWrong, limit)
		}
		if err := p.write(buf[:n]); err != nil {
			return err
		}
		if n > 0 && x.Progress != nil {
			x.Progress(p.size)
		}
		if errors.Is(err, io.EOF) {
			if f.exact() && p.size < f.Bytes {
				return &temporary{err: io.ErrUnexpectedEOF} // a server that says no length, and broke off
			}
			return nil
		}
		if err != nil {
			return classify(ctx, err)
		}
	}
}

// classify says whether another attempt may help after a request or a reading
// that failed.
func classify(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, errStalled) {
			return &temporary{err: cause}
		}
		return cause
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err // the address is named anyway
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return err
	}
	return &temporary{err: err}
}

// partial is a file that is being fetched.
type partial struct {
	file   *os.File
	size   int64
	tag    tag
	saved  string // where tag is kept
	joined bool   // it consists of the bodies of several responses
}

// tag is what is known of a partial file, so that a later process can go on.
type tag struct {
	Address string `json:"address"`
	// Validator is the strong ETag, or the date, by which the server says
	// whether its file is still the same; empty where it gave none.
	Validator string `json:"validator"`
}

// open opens the partial file of f, or begins it.
func (c Cache) open(f *File) (*partial, error) {
	file, err := os.OpenFile(c.partPath(f), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	p := &partial{file: file, saved: c.tagPath(f)}
	if p.size, err = file.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if data, err := os.ReadFile(p.saved); err != nil || json.Unmarshal(data, &p.tag) != nil {
		p.tag = tag{} // a resumed file is checked as a whole anyway
	}
	return p, nil
}

// restart drops what is there of the file.
func (p *partial) restart() error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	p.size, p.joined = 0, false
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

func (p *partial) write(data []byte) error {
	n, err := p.file.Write(data)
	p.size += int64(n)
	return err
}

// prepare asks for the rest of the file where some of it is there. A file that
// only its own checksums vouch for goes on only if the server can say that
// it has not changed.
func (p *partial) prepare(f *File, address string, header http.Header) error {
	validator := ""
	if p.tag.Address == address {
		validator = p.tag.Validator
	}
	if p.size > 0 && (f.exact() && p.size >= f.Bytes || !f.exact() && validator == "") {
		if err := p.restart(); err != nil {
			return err
		}
	}
	if p.size > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		if validator != "" {
			header.Set("If-Range", validator)
		}
	}
	p.tag.Address = address
	return nil
}

// receive reads the head of a response to a request for the bytes from offset,
// makes p ready for the body, and returns the whole file's size, or -1.
func (p *partial) receive(r *http.Response, offset int64) (total int64, err error) {
	switch {
	case r.StatusCode == http.StatusOK:
		if err := p.restart(); err != nil {
			return 0, err
		}
		total = r.ContentLength
	case r.StatusCode == http.StatusPartialContent && offset > 0:
		start, size, err := parseContentRange(r.Header.Get("Content-Range"))
		if err != nil || start != offset {
			return 0, errors.Join(&temporary{err: fmt.Errorf("the server sent another part than it was asked for (%q)", r.Header.Get("Content-Range"))}, p.restart())
		}
		p.joined, total = true, size
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable && offset > 0:
		return 0, errors.Join(&temporary{err: errors.New("the server's file is shorter than what is there")}, p.restart())
	case r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusGone:
		return 0, fmt.Errorf("%w: %s", ErrGone, r.Status)
	case r.StatusCode == http.StatusRequestTimeout, r.StatusCode == http.StatusTooManyRequests, r.StatusCode >= 500:
		return 0, &temporary{fmt.Errorf("the server answers %s", r.Status), retryAfter(r.Header.Get("Retry-After"))}
	default:
		return 0, fmt.Errorf("the server answers %s", r.Status)
	}
	if validator := r.Header.Get("ETag"); validator != "" && !strings.HasPrefix(validator, "W/") {
		p.tag.Validator = validator
	} else {
		p.tag.Validator = r.Header.Get("Last-Modified")
	}
	data, err := json.Marshal(p.tag)
	if err != nil {
		return 0, err
	}
	return total, durable.Write(p.saved, data)
}

// parseContentRange reads "bytes 10-99/100"; the size is -1 where it is "*".
func parseContentRange(s string) (start, size int64, err error) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, whole, hasSize := strings.Cut(rest, "/")
	first, _, isSpan := strings.Cut(span, "-")
	if !ok || !hasSize || !isSpan {
		return 0, 0, fmt.Errorf("no content range: %q", s)
	}
	if start, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, 0, err
	}
	if whole == "*" {
		return start, -1, nil
	}
	size, err = strconv.ParseInt(whole, 10, 64)
	return start, size, err
}

// retryAfter reads the header of that name: seconds, or a date; 0 where there
// is none.
func retryAfter(s string) time.Duration {
	if seconds, err := strconv.ParseInt(s, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}
