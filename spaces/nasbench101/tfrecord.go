package nasbench101

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// maxRecord bounds the length of one record. Those of the official file have
// some 400 bytes.
const maxRecord = 1 << 20

// recordReader reads the records of a TFRecord file: the length of the data
// (64 bits, little-endian), the masked CRC-32C of those eight bytes, the data,
// its masked CRC-32C (record_writer.h of TensorFlow).
type recordReader struct {
	r      *bufio.Reader
	crc    *crc32.Table
	offset int64 // of the next record
	buffer []byte
}

const (
	headerBytes = 12
	footerBytes = 4
)

func newRecordReader(r io.Reader) *recordReader {
	return &recordReader{r: bufio.NewReaderSize(r, 1<<20), crc: crc32.MakeTable(crc32.Castagnoli)}
}

// next returns the data of the next record and the offset of its first byte in
// the file, or io.EOF after the last. The data is valid until the next call.
// Other errors name the offset of what is wrong.
func (r *recordReader) next() (data []byte, offset int64, err error) {
	var header [headerBytes]byte
	if err := r.read(header[:], r.offset, true); err != nil {
		return nil, 0, err
	}
	if got, want := r.mask(header[:8]), binary.LittleEndian.Uint32(header[8:]); got != want {
		return nil, 0, fmt.Errorf("byte %d: the CRC of a record's length is %08x, want %08x", r.offset, got, want)
	}
	length := binary.LittleEndian.Uint64(header[:])
	if length > maxRecord {
		return nil, 0, fmt.Errorf("byte %d: a record of %d bytes, want at most %d", r.offset, length, maxRecord)
	}
	if need := int(length) + footerBytes; cap(r.buffer) < need {
		r.buffer = make([]byte, need)
	}
	body := r.buffer[:length+footerBytes]
	offset = r.offset + headerBytes
	if err := r.read(body, offset, false); err != nil {
		return nil, 0, err
	}
	data = body[:length]
	if got, want := r.mask(data), binary.LittleEndian.Uint32(body[length:]); got != want {
		return nil, 0, fmt.Errorf("byte %d: the CRC of a record's %d bytes is %08x, want %08x", offset, length, got, want)
	}
	r.offset = offset + int64(len(body))
	return data, offset, nil
}

// read fills dst from a place in the file. The file may end there only if it
// is the start of a record.
func (r *recordReader) read(dst []byte, offset int64, start bool) error {
	n, err := io.ReadFull(r.r, dst)
	switch {
	case err == nil || errors.Is(err, io.EOF) && start:
		return err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("byte %d: the file ends within a record that begins at byte %d: %w", offset+int64(n), r.offset, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("byte %d: %w", offset+int64(n), err)
}

// mask returns the checksum that stands in the file for data.
func (r *recordReader) mask(data []byte) uint32 {
	crc := crc32.Checksum(data, r.crc)
	return (crc>>15 | crc<<17) + 0xa282ead8
}
