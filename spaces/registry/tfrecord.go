package registry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// recordLimit bounds a record of a TFRecord file, so that a damaged length
// is not believed: those of NAS-Bench-101 have about 1 kB.
const recordLimit = 1 << 20

// checkTFRecord checks that r is a sequence of TFRecord records, each with its
// length and contents as their checksums say: little-endian length (8 bytes),
// its checksum (4), contents, their checksum (4), where a checksum is CRC-32C
// rotated right by 15 bits plus 0xa282ead8 (TensorFlow, record_writer.cc and
// crc32c.h).
func checkTFRecord(r io.Reader) error {
	buffered := bufio.NewReaderSize(r, 1<<16)
	table := crc32.MakeTable(crc32.Castagnoli)
	matches := func(data, sum []byte) bool {
		crc := crc32.Checksum(data, table)
		return binary.LittleEndian.Uint32(sum) == (crc>>15|crc<<17)+0xa282ead8
	}
	header, body := make([]byte, 12), []byte(nil)
	for records, offset := 0, int64(0); ; records++ {
		_, err := io.ReadFull(buffered, header)
		switch {
		case errors.Is(err, io.EOF) && records > 0:
			return nil
		case err != nil:
			return fmt.Errorf("record %d, at byte %d: its length: %w", records, offset, err)
		case !matches(header[:8], header[8:]):
			return fmt.Errorf("record %d, at byte %d: its length has a wrong checksum", records, offset)
		}
		length := binary.LittleEndian.Uint64(header)
		if length > recordLimit {
			return fmt.Errorf("record %d, at byte %d: it has %d bytes, more than %d", records, offset, length, recordLimit)
		}
		body = append(body[:0], make([]byte, length+4)...)
		if n, err := io.ReadFull(buffered, body); err != nil {
			return fmt.Errorf("record %d, at byte %d: only %d of %d bytes: %w", records, offset, n, len(body), io.ErrUnexpectedEOF)
		}
		if !matches(body[:length], body[length:]) {
			return fmt.Errorf("record %d, at byte %d: its contents have a wrong checksum", records, offset)
		}
		offset += int64(len(header) + len(body))
	}
}
