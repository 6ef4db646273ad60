package fuse

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/hypernas/hypernas/internal/nn/kern"
)

// AppendState appends the values of parameters to data: their count and then,
// one parameter after the other, their values, little-endian.
func AppendState[T kern.Float](data []byte, params []*Parameter[T]) []byte {
	total := 0
	for _, p := range params {
		total += len(p.Data)
	}
	data = binary.LittleEndian.AppendUint64(data, uint64(total))
	for _, p := range params {
		// The slice is of numbers of a fixed size, which can't fail.
		data, _ = binary.Append(data, binary.LittleEndian, p.Data)
	}
	return data
}

// ReadState sets parameters to what [AppendState] wrote of parameters of the
// same shapes.
func ReadState[T kern.Float](r io.Reader, params []*Parameter[T]) error {
	want := uint64(0)
	for _, p := range params {
		want += uint64(len(p.Data))
	}
	var total uint64
	if err := binary.Read(r, binary.LittleEndian, &total); err != nil {
		return fmt.Errorf("read parameters: %w", err)
	}
	if total != want {
		return fmt.Errorf("read parameters: %d numbers, want %d", total, want)
	}
	for _, p := range params {
		if err := binary.Read(r, binary.LittleEndian, p.Data); err != nil {
			return fmt.Errorf("read parameter %s: %w", p.Name, err)
		}
	}
	return nil
}
