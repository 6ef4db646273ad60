package registry

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// ErrArchive is wrapped by errors of an archive that is malformed, expands to
// more than it may, or holds an entry that an archive of data has no use for.
var ErrArchive = errors.New("unsafe or malformed archive")

// Zip hands each file of a zip archive to each, in the archive's order, by a
// name that is relative, slash-separated and cannot leave a folder. Folders are
// passed over; nothing is written to disk. Body is each's own. All files
// together may expand to limit bytes, whatever sizes the archive declares.
//
// An error wraps ErrArchive and names the entry; an error of each comes back
// wrapped, with the entry's name, and ends the reading.
func Zip(data []byte, limit int64, each func(name string, body []byte) error) error {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("%w: zip: %w", ErrArchive, err)
	}
	e := entries{left: limit, limit: limit, each: each, seen: make(map[string]bool)}
	for _, f := range r.File {
		if f.Mode().IsDir() {
			continue
		}
		if !f.Mode().IsRegular() {
			return fmt.Errorf("%w: entry %q is no regular file (%v)", ErrArchive, f.Name, f.Mode().Type())
		}
		body, err := f.Open()
		if err != nil {
			return fmt.Errorf("%w: entry %q: %w", ErrArchive, f.Name, err)
		}
		err = e.hand(f.Name, f.UncompressedSize64, body)
		if err = errors.Join(err, body.Close()); err != nil {
			return err
		}
	}
	return nil
}

// TarGz is Zip for a tar archive compressed by gzip. Limit counts the tar
// archive as a whole as well, with its headers and padding.
func TarGz(data []byte, limit int64, each func(name string, body []byte) error) error {
	stream, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%w: gzip: %w", ErrArchive, err)
	}
	// Headers and padding add at least 512 bytes an entry, which compress to
	// almost nothing: they count too.
	expanded := &bounded{r: stream, left: limit}
	r := tar.NewReader(expanded)
	e := entries{left: limit, limit: limit, each: each, seen: make(map[string]bool)}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: tar, after %d entries: %w", ErrArchive, len(e.seen), err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if err := e.hand(h.Name, uint64(h.Size), r); err != nil {
				return err
			}
		case tar.TypeDir, tar.TypeXGlobalHeader:
		default:
			return fmt.Errorf("%w: entry %q is no regular file (type %q)", ErrArchive, h.Name, h.Typeflag)
		}
	}
	// What follows the tar archive's end holds gzip's own checksum.
	if _, err := io.Copy(io.Discard, expanded); err != nil {
		return fmt.Errorf("%w: gzip: %w", ErrArchive, err)
	}
	return nil
}

// entries hands the files of one archive on, within its bounds.
type entries struct {
	left, limit int64
	each        func(name string, body []byte) error
	seen        map[string]bool
}

// hand reads one file, which declares size bytes, and hands it on.
func (e *entries) hand(name string, size uint64, r io.Reader) error {
	// Backslashes and colons mean folders and drives on Windows, and nothing in
	// the names of data files.
	if !fs.ValidPath(strings.TrimPrefix(name, "./")) || !filepath.IsLocal(name) || strings.ContainsAny(name, "\\:\x00") {
		return fmt.Errorf("%w: entry %q has a name that could leave its folder", ErrArchive, name)
	}
	name = strings.TrimPrefix(name, "./")
	if e.seen[name] {
		return fmt.Errorf("%w: entry %q is there twice", ErrArchive, name)
	}
	e.seen[name] = true
	if size > uint64(max(e.left, 0)) {
		return e.tooLarge(name)
	}
	body, err := io.ReadAll(io.LimitReader(r, e.left+1))
	if err != nil {
		return fmt.Errorf("%w: entry %q: %w", ErrArchive, name, err)
	}
	e.left -= int64(len(body))
	if e.left < 0 {
		return e.tooLarge(name)
	}
	if err := e.each(name, body); err != nil {
		return fmt.Errorf("entry %s: %w", name, err)
	}
	return nil
}

func (e *entries) tooLarge(name string) error {
	return fmt.Errorf("%w: with entry %q it expands to more than %d bytes", ErrArchive, name, e.limit)
}

// bounded is a reader that fails beyond a number of bytes, where
// io.LimitedReader would end as if all were read.
type bounded struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errors.New("it expands to more than it may")
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, errors.New("it expands to more than it may")
	}
	return n, err
}
