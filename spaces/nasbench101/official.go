package nasbench101

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hypernas/hypernas/internal/nb101"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
)

// OfficialFile is the name of the official file in the registry's set.
const OfficialFile = "nasbench_only108.tfrecord"

// numRuns is how often every module was trained.
const numRuns = 3

// officialRow is a module of the official file with its runs, in the order in
// which the file has them.
type officialRow struct {
	module     nb101.Module
	identity   plugins.Identity
	validation [numRuns]float64 // accuracies, 0 to 1
	test       [numRuns]float64
	seconds    [numRuns]float64
}

// Import reads the official file and keeps its contents in the source, from
// where the space with data=official opens in a moment. The file is streamed;
// an error names the byte where it is wrong. A file that differs from the one
// that was imported before is refused.
func Import(source registry.Source, file io.Reader) error {
	return importOfficial(source, nb101.MaxVertices, file)
}

func importOfficial(source registry.Source, vertices int, file io.Reader) error {
	imported := false
	table, err := openOfficial(source, vertices, func() (io.Reader, error) {
		imported = true
		return file, nil
	})
	if err != nil {
		return err
	}
	if imported {
		// Derive is silent where nothing can be kept, but then nothing has been
		// imported.
		_, err := openOfficial(source, vertices, func() (io.Reader, error) { return nil, errNotKept })
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return err
	}
	if got := [sha256.Size]byte(h.Sum(nil)); got != table.sum {
		return fmt.Errorf("its SHA-256 is %x, but that of the file imported before is %x; to import this one, remove derived/%s from the cache", got, table.sum, officialName(vertices))
	}
	return nil
}

// errNotKept is the error of an import of which nothing stays.
var errNotKept = errors.New("the table could not be written to the cache")

// officialTable is what is kept of the official file.
type officialTable struct {
	sum  [sha256.Size]byte // SHA-256 of the official file
	rows []byte            // encoded officialRows
}

// officialBytes is the size of an encoded officialRow: the module (32 bits),
// the identity, the runs' validation accuracies, test accuracies and seconds
// (64 bits each), all little-endian.
const officialBytes = 4 + len(plugins.Identity{}) + 3*numRuns*8

// officialName is what the table is derived under; its version rises whenever
// the same file would give another table.
func officialName(vertices int) string { return fmt.Sprintf("nasbench101-official-%d.v1", vertices) }

// openOfficial returns the table from the source, which derives it from the
// official file if it has not yet.
func openOfficial(source registry.Source, vertices int, file func() (io.Reader, error)) (officialTable, error) {
	data, err := source.Derive(officialName(vertices), func() ([]byte, error) {
		r, err := file()
		if err != nil {
			return nil, err
		}
		x, err := openIndex(source, vertices)
		if err != nil {
			return nil, err
		}
		return convert(r, x)
	})
	if err != nil {
		return officialTable{}, err
	}
	if len(data) < sha256.Size || (len(data)-sha256.Size)%officialBytes != 0 {
		return officialTable{}, fmt.Errorf("%s has %d bytes, want a SHA-256 and rows of %d", officialName(vertices), len(data), officialBytes)
	}
	return officialTable{[sha256.Size]byte(data), data[sha256.Size:]}, nil
}

// convert reads an official file of all the modules of the index and returns
// the encoded table, its rows in the order in which modules first appear: that
// of the official API's hash_iterator.
func convert(file io.Reader, x index) ([]byte, error) {
	h := sha256.New()
	// The reader of records buffers; it and the hash see the same bytes.
	records := registry.NewRecords(io.TeeReader(file, h))
	want := len(x) / indexRow
	rows := make([]officialRow, 0, want)
	// seen is for each hash its row, and how many runs the row has.
	type place struct{ row, runs int32 }
	seen := make(map[nb101.Hash]place, want)
	for {
		at := records.Offset()
		data, offset, err := records.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		r, err := parseRun(data)
		if err != nil {
			return nil, fmt.Errorf("record at byte %d (its data at %d): %w", at, offset, err)
		}
		p, ok := seen[r.hash]
		if !ok {
			row, err := r.check(x)
			if err != nil {
				return nil, fmt.Errorf("record at byte %d: %w", at, err)
			}
			p.row = int32(len(rows))
			rows = append(rows, row)
		}
		row := &rows[p.row]
		switch {
		case r.module != row.module:
			return nil, fmt.Errorf("record at byte %d: module %s has another graph than in its first record", at, r.hash)
		case r.params != r.module.Params():
			return nil, fmt.Errorf("record at byte %d: module %s has %d parameters, want %d as computed from its graph", at, r.hash, r.params, r.module.Params())
		case p.runs == numRuns:
			return nil, fmt.Errorf("record at byte %d: module %s has more than %d runs", at, r.hash, numRuns)
		}
		row.validation[p.runs], row.test[p.runs], row.seconds[p.runs] = r.validation, r.test, r.seconds
		p.runs++
		seen[r.hash] = p
	}
	incomplete, first := nb101.Hash{}, place{row: math.MaxInt32}
	for hash, p := range seen {
		if p.runs != numRuns && p.row < first.row {
			incomplete, first = hash, p
		}
	}
	if first.row < math.MaxInt32 {
		return nil, fmt.Errorf("byte %d: the file ends with %d of %d runs of module %s", records.Offset(), first.runs, numRuns, incomplete)
	}
	if len(rows) != want {
		return nil, fmt.Errorf("byte %d: the file ends after %d modules, want %d", records.Offset(), len(rows), want)
	}
	table := make([]byte, 0, sha256.Size+len(rows)*officialBytes)
	table = h.Sum(table)
	for i := range rows {
		table = rows[i].append(table)
	}
	return table, nil
}

// check returns the row of a run's module, which must have the hash that the
// run states.
func (r *run) check(x index) (officialRow, error) {
	module, identity, ok := x.find(r.hash)
	if !ok {
		return officialRow{}, fmt.Errorf("no module of the search space has the hash %s", r.hash)
	}
	if r.module != module {
		if got := r.module.Hash(); got != r.hash {
			return officialRow{}, fmt.Errorf("the graph's hash is %s, not %s", got, r.hash)
		}
	}
	return officialRow{module: r.module, identity: identity}, nil
}

func (r *officialRow) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(r.module))
	dst = append(dst, r.identity[:]...)
	for _, values := range [...]*[numRuns]float64{&r.validation, &r.test, &r.seconds} {
		for _, x := range values {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
		}
	}
	return dst
}

// decode reads row i of the table.
func (t *officialTable) decode(i int) officialRow {
	data := t.rows[i*officialBytes : (i+1)*officialBytes]
	r := officialRow{module: nb101.Module(binary.LittleEndian.Uint32(data)), identity: plugins.Identity(data[4:])}
	data = data[4+len(r.identity):]
	for _, values := range [...]*[numRuns]float64{&r.validation, &r.test, &r.seconds} {
		for i := range values {
			values[i] = math.Float64frombits(binary.LittleEndian.Uint64(data))
			data = data[8:]
		}
	}
	return r
}

// source returns the SHA-256 of the official file, in hexadecimal.
func (t *officialTable) source() string { return hex.EncodeToString(t.sum[:]) }

// readOfficial reads the official file from the source whole.
func readOfficial(source registry.Source) (io.Reader, error) {
	data, err := source.Read(set, OfficialFile)
	return bytes.NewReader(data), err
}
