package results

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/hypernas/hypernas/internal/npy"
)

// Predictions are a trial's raw values, in the order that breaks ties of its
// metrics.
type Predictions struct {
	Rows   []int // rows of the space
	Values []float64
}

// The form is that of [npy.Start], then 12 bytes a row. numpy.load reads it as a
// structured array.
const (
	npyHeader = "{'descr': [('row', '<u4'), ('prediction', '<f8')], 'fortran_order': False, 'shape': (%d,), }"
	npyRow    = 4 + 8
)

// encode returns p as a NumPy file.
func (p *Predictions) encode() ([]byte, error) {
	if len(p.Rows) != len(p.Values) {
		return nil, fmt.Errorf("%d rows with %d predictions", len(p.Rows), len(p.Values))
	}
	b := npyStart(len(p.Rows))
	for i, row := range p.Rows {
		if row < 0 || row > math.MaxUint32 {
			return nil, fmt.Errorf("row %d does not fit 32 bits", row)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(row))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Values[i]))
	}
	return b, nil
}

// npyStart returns everything before the data of n rows, with room for them.
func npyStart(n int) []byte {
	return npy.Start(fmt.Sprintf(npyHeader, n), n*npyRow)
}

// decode reads a file that encode wrote, and no other NumPy file.
func decode(data []byte) (*Predictions, error) {
	// The number of rows follows from the length; then the start is known.
	for start := 64; start <= 256; start += 64 {
		n := (len(data) - start) / npyRow
		if n < 0 || start+n*npyRow != len(data) || !bytes.HasPrefix(data, npyStart(n)) || len(npyStart(n)) != start {
			continue
		}
		p := &Predictions{Rows: make([]int, n), Values: make([]float64, n)}
		for i := range n {
			at := data[start+i*npyRow:]
			p.Rows[i] = int(binary.LittleEndian.Uint32(at))
			p.Values[i] = math.Float64frombits(binary.LittleEndian.Uint64(at[4:]))
		}
		return p, nil
	}
	return nil, fmt.Errorf("not a predictions file")
}

// ErrChanged is wrapped by errors of a file that is not what its record says.
var ErrChanged = errors.New("changed since its record was written")

// ReadPredictions reads the file that a record in dir refers to, and compares
// its SHA-256. Where that differs, the error wraps ErrChanged, and what could
// be read is returned beside it.
func ReadPredictions(dir string, ref FileRef) (*Predictions, error) {
	if !filepath.IsLocal(filepath.FromSlash(ref.Path)) {
		return nil, fmt.Errorf("predictions %q lie outside the run's folder", ref.Path)
	}
	path := filepath.Join(dir, filepath.FromSlash(ref.Path))
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := decode(data)
	if got := sum(data); got != ref.SHA256 {
		return p, fmt.Errorf("%s: %w: SHA-256 is %s, the record says %s", path, ErrChanged, got, ref.SHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
