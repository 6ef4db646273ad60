// Package npy writes the beginning of NumPy's array files, version 1.0 of
// numpy.lib.format.
package npy

import "encoding/binary"

const (
	magic = "\x93NUMPY\x01\x00"
	align = 64
)

// Start returns everything before an array's data: the magic, the length of the
// header, and the header, a Python dictionary, padded so that data begins at a
// multiple of 64. There is room behind it for so many bytes of data.
func Start(header string, data int) []byte {
	const before = len(magic) + 2
	padded := (before+len(header)+1+align-1)/align*align - before
	b := make([]byte, 0, before+padded+data)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, uint16(padded))
	b = append(b, header...)
	for range padded - 1 - len(header) {
		b = append(b, ' ')
	}
	return append(b, '\n')
}
