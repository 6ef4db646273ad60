// Package pickle reads the one form of Python pickle that a published table
// comes in: dictionaries of dictionaries of numpy arrays. It knows the
// twenty-odd opcodes that such a file uses and refuses any other. Nothing is
// executed: what a pickle asks to be called is recorded, and only the two
// calls by which numpy rebuilds an array are understood, as data.
//
// Opcodes are those of Python's pickletools, protocol 4 (PEP 3154).
package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrMalformed is what all errors of this package wrap. Their texts name the
// byte of the file that is at fault.
var ErrMalformed = errors.New("malformed pickle")

// FloatArrays returns the arrays of a pickled dictionary of dictionaries of
// one-dimensional arrays of little-endian float64, by the keys of both. It
// allocates no more than a small multiple of the length of data.
func FloatArrays(data []byte) (map[string]map[string][]float64, error) {
	m := machine{data: data}
	value, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("%w: byte %d: %w", ErrMalformed, m.opcode, err)
	}
	outer, ok := value.(dict)
	if !ok {
		return nil, fmt.Errorf("%w: it holds a %s, want a dictionary", ErrMalformed, name(value))
	}
	result := make(map[string]map[string][]float64, len(outer))
	// An array may stand in several places without its bytes being there
	// again: what is returned is bounded by what was given.
	left := len(data) / 8
	for outerKey, v := range outer {
		inner, ok := v.(dict)
		if !ok {
			return nil, fmt.Errorf("%w: %q is a %s, want a dictionary", ErrMalformed, outerKey, name(v))
		}
		arrays := make(map[string][]float64, len(inner))
		for innerKey, v := range inner {
			array, err := floats(v, left)
			if err != nil {
				return nil, fmt.Errorf("%w: %q of %q: %w", ErrMalformed, innerKey, outerKey, err)
			}
			left -= len(array)
			arrays[innerKey] = array
		}
		result[outerKey] = arrays
	}
	return result, nil
}

// The values that a pickle can hold here: nil, bool, int, string, []byte, and
// those below.
type (
	dict   map[string]any
	tuple  []any
	global struct{ module, name string }
	// object is what a call would have returned: the call, and the state that
	// the result would have been given.
	object struct {
		at    int // the byte that asks for the call
		call  global
		args  tuple
		state any
	}
)

// name says what a value is, for errors.
func name(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case dict:
		return "dictionary"
	case tuple:
		return "tuple"
	case global:
		return v.module + "." + v.name
	case *object:
		return fmt.Sprintf("%s.%s object (byte %d)", v.call.module, v.call.name, v.at)
	}
	return fmt.Sprintf("%T", v)
}

// Opcodes, by their names in pickletools.
const (
	opProto           = 0x80
	opFrame           = 0x95
	opStop            = '.'
	opMark            = '('
	opMemoize         = 0x94
	opBinGet          = 'h'
	opNone            = 'N'
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opShortBinUnicode = 0x8c
	opShortBinBytes   = 'C'
	opBinBytes        = 'B'
	opTuple           = 't'
	opTuple1          = 0x85
	opTuple3          = 0x87
	opEmptyDict       = '}'
	opSetItems        = 'u'
	opStackGlobal     = 0x93
	opReduce          = 'R'
	opBuild           = 'b'
)

// machine is the stack machine that a pickle is a program of.
type machine struct {
	data   []byte
	next   int // the first byte that was not read
	opcode int // where the present opcode stands
	stack  []any
	marks  []int // heights of the stack
	memo   []any
}

// run returns the value that the program leaves; nothing follows it.
func (m *machine) run() (any, error) {
	for {
		m.opcode = m.next
		code, err := m.take(1)
		if err != nil {
			return nil, err
		}
		if code[0] == opStop {
			value, err := m.pop()
			switch {
			case err != nil:
				return nil, err
			case len(m.stack) > 0:
				return nil, fmt.Errorf("%d values are left over", len(m.stack))
			case m.next < len(m.data):
				return nil, fmt.Errorf("%d bytes follow the end", len(m.data)-m.next)
			}
			return value, nil
		}
		if err := m.step(code[0]); err != nil {
			return nil, err
		}
	}
}

func (m *machine) step(code byte) error {
	switch code {
	case opProto:
		version, err := m.number(1)
		if err == nil && version != 4 {
			return fmt.Errorf("protocol is %d, want 4", version)
		}
		return err
	case opFrame:
		if len(m.data)-m.next < 8 {
			return errShort
		}
		size := binary.LittleEndian.Uint64(m.data[m.next:])
		m.next += 8
		if size > uint64(len(m.data)-m.next) {
			return fmt.Errorf("a frame of %d bytes: %w", size, errShort)
		}
		return nil
	case opMark:
		m.marks = append(m.marks, len(m.stack))
		return nil
	case opMemoize:
		top, err := m.pop()
		if err != nil {
			return err
		}
		m.memo = append(m.memo, top)
		return m.push(top)
	case opBinGet:
		at, err := m.number(1)
		if err != nil {
			return err
		}
		if at >= len(m.memo) {
			return fmt.Errorf("value %d of %d remembered ones", at, len(m.memo))
		}
		return m.push(m.memo[at])
	case opNone:
		return m.push(nil)
	case opNewTrue, opNewFalse:
		return m.push(code == opNewTrue)
	case opBinInt1, opBinInt2, opBinInt:
		value, err := m.number(map[byte]int{opBinInt1: 1, opBinInt2: 2, opBinInt: 4}[code])
		if err != nil {
			return err
		}
		if code == opBinInt {
			value = int(int32(uint32(value)))
		}
		return m.push(value)
	case opShortBinUnicode, opShortBinBytes, opBinBytes:
		return m.text(code)
	case opTuple1, opTuple3, opTuple:
		values, err := m.popTuple(code)
		if err != nil {
			return err
		}
		return m.push(values)
	case opEmptyDict:
		return m.push(dict{})
	case opSetItems:
		return m.setItems()
	case opStackGlobal, opReduce, opBuild:
		return m.object(code)
	}
	return fmt.Errorf("opcode %#02x is none that a table of numbers needs", code)
}

var errShort = errors.New("the file ends too early")

// take returns the next n bytes, in the memory of the file.
func (m *machine) take(n int) ([]byte, error) {
	if n > len(m.data)-m.next {
		return nil, errShort
	}
	b := m.data[m.next : m.next+n : m.next+n]
	m.next += n
	return b, nil
}

// number returns the next 1, 2 or 4 bytes as an unsigned number.
func (m *machine) number(width int) (int, error) {
	b, err := m.take(width)
	if err != nil {
		return 0, err
	}
	var whole [4]byte
	copy(whole[:], b)
	return int(binary.LittleEndian.Uint32(whole[:])), nil
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

// floor is the height of the stack that belongs to the last mark.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) pop() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, errors.New("the stack is empty")
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

// popMark returns what was pushed since the last mark.
func (m *machine) popMark() (tuple, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("there is no mark")
	}
	floor := m.floor()
	values := append(tuple(nil), m.stack[floor:]...)
	m.stack, m.marks = m.stack[:floor], m.marks[:len(m.marks)-1]
	return values, nil
}

func (m *machine) popTuple(code byte) (tuple, error) {
	if code == opTuple {
		return m.popMark()
	}
	n := 1
	if code == opTuple3 {
		n = 3
	}
	if len(m.stack)-m.floor() < n {
		return nil, errors.New("the stack is empty")
	}
	values := append(tuple(nil), m.stack[len(m.stack)-n:]...)
	m.stack = m.stack[:len(m.stack)-n]
	return values, nil
}

func (m *machine) text(code byte) error {
	width := 1
	if code == opBinBytes {
		width = 4
	}
	n, err := m.number(width)
	if err != nil {
		return err
	}
	b, err := m.take(n)
	if err != nil {
		return fmt.Errorf("a text of %d bytes: %w", n, err)
	}
	if code == opShortBinUnicode {
		return m.push(string(b))
	}
	return m.push(b)
}

func (m *machine) setItems() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	top, err := m.pop()
	if err != nil {
		return err
	}
	d, ok := top.(dict)
	if !ok || len(items)%2 != 0 {
		return fmt.Errorf("%d items for a %s", len(items), name(top))
	}
	for i := 0; i < len(items); i += 2 {
		key, ok := items[i].(string)
		if !ok {
			return fmt.Errorf("a %s is the key of a dictionary", name(items[i]))
		}
		if _, ok := d[key]; ok {
			return fmt.Errorf("key %q occurs twice", key)
		}
		d[key] = items[i+1]
	}
	return m.push(d)
}

// object does what involves objects: naming a function, calling it, giving
// the result its state. All three record, and do nothing else.
func (m *machine) object(code byte) error {
	second, err := m.pop()
	if err != nil {
		return err
	}
	first, err := m.pop()
	if err != nil {
		return err
	}
	switch code {
	case opStackGlobal:
		module, ok1 := first.(string)
		function, ok2 := second.(string)
		if ok1 && ok2 {
			return m.push(global{module, function})
		}
	case opReduce:
		call, ok1 := first.(global)
		args, ok2 := second.(tuple)
		if ok1 && ok2 {
			return m.push(&object{at: m.opcode, call: call, args: args})
		}
	case opBuild:
		o, ok := first.(*object)
		if ok && o.state == nil {
			o.state = second
			return m.push(o)
		}
	}
	return fmt.Errorf("a %s with a %s", name(first), name(second))
}

// floats returns the values of an array, of which there may be up to most.
func floats(v any, most int) ([]float64, error) {
	o, ok := v.(*object)
	if !ok || o.call != (global{"numpy.core.multiarray", "_reconstruct"}) {
		return nil, fmt.Errorf("a %s, want an array", name(v))
	}
	// numpy's ndarray.__setstate__: version, shape, type, whether columns come
	// first, values.
	state, ok := o.state.(tuple)
	if !ok || len(state) != 5 {
		return nil, fmt.Errorf("%s: its state is no version, shape, type, order and values", name(v))
	}
	shape, ok1 := state[1].(tuple)
	values, ok2 := state[4].([]byte)
	if !ok1 || !ok2 || len(shape) != 1 || !isFloat64(state[2]) {
		return nil, fmt.Errorf("%s: it is no one-dimensional array of little-endian float64", name(v))
	}
	n, ok := shape[0].(int)
	if !ok || n < 0 || n != len(values)/8 || len(values)%8 != 0 {
		return nil, fmt.Errorf("%s: %d bytes for the shape (%v)", name(v), len(values), shape[0])
	}
	if n > most {
		return nil, fmt.Errorf("%s: it shares its values with another", name(v))
	}
	array := make([]float64, n)
	for i := range array {
		array[i] = math.Float64frombits(binary.LittleEndian.Uint64(values[8*i:]))
	}
	return array, nil
}

// isFloat64 reports whether v is numpy's dtype('<f8').
func isFloat64(v any) bool {
	o, ok := v.(*object)
	if !ok || o.call != (global{"numpy", "dtype"}) || len(o.args) == 0 || o.args[0] != "f8" {
		return false
	}
	state, ok := o.state.(tuple)
	return ok && len(state) > 1 && state[1] == "<"
}
