package registry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// MaxRecord bounds the length of one record, so that a damaged length is not
// believed. Those of NAS-Bench-101 have some 400 bytes.
const MaxRecord = 1 << 20

// Records reads the records of a TFRecord file: the length of the data
// (64 bits, little-endian), the masked CRC-32C of those eight bytes, the data,
// its masked CRC-32C (record_writer.h of TensorFlow).
type Records struct {
	r      *bufio.Reader
	crc    *crc32.Table
	offset int64 // of the next record
	buffer []byte
}

const (
	headerBytes = 12
	footerBytes = 4
)

// NewRecords returns a reader of the records of r.
func NewRecords(r io.Reader) *Records {
	return &Records{r: bufio.NewReaderSize(r, 1<<20), crc: crc32.MakeTable(crc32.Castagnoli)}
}

// Offset returns where in the file the next record begins.
func (r *Records) Offset() int64 { return r.offset }

// Next returns the data of the next record and the offset of its first byte in
// the file, or io.EOF after the last. The data is valid until the next call.
// Other errors name the offset of what is wrong.
func (r *Records) Next() (data []byte, offset int64, err error) {
	var header [headerBytes]byte
	if err := r.read(header[:], r.offset, true); err != nil {
		return nil, 0, err
	}
	if got, want := r.mask(header[:8]), binary.LittleEndian.Uint32(header[8:]); got != want {
		return nil, 0, fmt.Errorf("byte %d: the CRC of a record's length is %08x, want %08x", r.offset, got, want)
	}
	length := binary.LittleEndian.Uint64(header[:])
	if length > MaxRecord {
		return nil, 0, fmt.Errorf("byte %d: a record of %d bytes, want at most %d", r.offset, length, MaxRecord)
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
func (r *Records) read(dst []byte, offset int64, start bool) error {
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
func (r *Records) mask(data []byte) uint32 {
	crc := crc32.Checksum(data, r.crc)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// checkTFRecord checks that r is a sequence of one or more records, each with
// its length and contents as their checksums say.
func checkTFRecord(r io.Reader) error {
	records := NewRecords(r)
	for n := 0; ; n++ {
		at := records.Offset()
		_, _, err := records.Next()
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case err != nil:
			return fmt.Errorf("record %d, at byte %d: %w", n, at, err)
		}
	}
}
