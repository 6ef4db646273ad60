package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Model is a network, ready to be evaluated.
type Model struct {
	inputs, outputs []string
	// slots numbers the values by name: inputs, initializers, outputs of nodes.
	slots   map[string]int
	initial map[int]*Tensor
	nodes   []node
}

// node is an operator at its place.
type node struct {
	name    string // for errors: its index and the name that the file gives it
	op      string
	in      []int
	out     int
	attrs   map[string]attr
	operate operator
}

// attr is an attribute of an operator; the fields that it does not use are
// zero.
type attr struct {
	float  float32
	int    int64
	ints   []int64
	tensor *Tensor
}

// The operator sets that are known. Earlier ones have other attributes, and
// from 13 on Unsqueeze takes its axes as an input.
const (
	minOpset = 9
	maxOpset = 12
)

// Parse reads a model. An error names the part of the file that it is about,
// and where the bytes themselves are malformed, their offset in that part.
func Parse(data []byte) (*Model, error) {
	m := &Model{slots: map[string]int{}, initial: map[int]*Tensor{}}
	var graph []byte
	opset := int64(0)
	// Fields of ModelProto.
	err := eachField(data, func(f field) error {
		switch f.number {
		case 7:
			return f.bytesTo(&graph)
		case 8:
			return within("operator set", parseOpset(f, &opset))
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, within("model", err)
	case graph == nil:
		return nil, errors.New("model: no graph")
	case opset < minOpset || opset > maxOpset:
		return nil, fmt.Errorf("model: operator set %d, want %d to %d", opset, minOpset, maxOpset)
	}
	return m, within("graph", m.parseGraph(graph))
}

// parseOpset reads an OperatorSetIdProto; only ONNX's own domain counts.
func parseOpset(f field, version *int64) error {
	var domain string
	var v int64
	body, err := f.message()
	if err != nil {
		return err
	}
	err = eachField(body, func(f field) error {
		switch f.number {
		case 1:
			return f.stringTo(&domain)
		case 2:
			return f.intTo(&v)
		}
		return nil
	})
	if domain == "" {
		*version = v
	}
	return err
}

// parseGraph reads a GraphProto: first its initializers and inputs, then the
// nodes, each of which may use what stands before it.
func (m *Model) parseGraph(body []byte) error {
	var nodes, tensors, inputs, outputs [][]byte
	err := eachField(body, func(f field) error {
		switch f.number {
		case 1:
			return f.appendTo(&nodes)
		case 5:
			return f.appendTo(&tensors)
		case 11:
			return f.appendTo(&inputs)
		case 12:
			return f.appendTo(&outputs)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, body := range tensors {
		name, t, err := parseTensor(body)
		if err == nil {
			err = m.define(name)
		}
		if err != nil {
			return within(fmt.Sprintf("initializer %d (%q)", i, name), err)
		}
		m.initial[m.slots[name]] = t
	}
	for i, body := range inputs {
		name, err := parseName(body)
		if _, known := m.slots[name]; err == nil && !known { // else it is an initializer, which may be listed among the inputs
			m.inputs = append(m.inputs, name)
			err = m.define(name)
		}
		if err != nil {
			return within(fmt.Sprintf("input %d (%q)", i, name), err)
		}
	}
	for i, body := range nodes {
		n, err := m.parseNode(body)
		n.name = fmt.Sprintf("node %d (%s %q)", i, n.op, n.name)
		if err != nil {
			return within(n.name, err)
		}
		m.nodes = append(m.nodes, n)
	}
	for i, body := range outputs {
		name, err := parseName(body)
		if _, known := m.slots[name]; err == nil && !known {
			err = errors.New("nothing computes it")
		}
		if err != nil {
			return within(fmt.Sprintf("output %d (%q)", i, name), err)
		}
		m.outputs = append(m.outputs, name)
	}
	if len(m.outputs) == 0 {
		return errors.New("no outputs")
	}
	return nil
}

// define gives a value a slot.
func (m *Model) define(name string) error {
	if name == "" {
		return errors.New("a value has no name")
	}
	if _, known := m.slots[name]; known {
		return fmt.Errorf("value %q is defined twice", name)
	}
	m.slots[name] = len(m.slots)
	return nil
}

// parseName reads the name of a ValueInfoProto.
func parseName(body []byte) (name string, err error) {
	err = eachField(body, func(f field) error {
		if f.number == 1 {
			return f.stringTo(&name)
		}
		return nil
	})
	return name, err
}

// parseNode reads a NodeProto. What it returns has op and name even where
// there is an error, if they could be read.
func (m *Model) parseNode(body []byte) (node, error) {
	n := node{attrs: map[string]attr{}}
	var in, out [][]byte
	var domain string
	err := eachField(body, func(f field) error {
		switch f.number {
		case 1:
			return f.appendTo(&in)
		case 2:
			return f.appendTo(&out)
		case 3:
			return f.stringTo(&n.name)
		case 4:
			return f.stringTo(&n.op)
		case 5:
			name, a, err := parseAttr(f)
			if err != nil {
				return within(fmt.Sprintf("attribute %q", name), err)
			}
			n.attrs[name] = a
		case 7:
			return f.stringTo(&domain)
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	o, ok := operators(n.op)
	switch {
	case domain != "" || !ok:
		return n, fmt.Errorf("operator %q of domain %q is not known here", n.op, domain)
	case o.inputs != variadic && len(in) != o.inputs || o.inputs == variadic && len(in) == 0:
		return n, fmt.Errorf("%d inputs, which %s does not take", len(in), n.op)
	case len(out) != 1:
		return n, fmt.Errorf("%d outputs, want 1", len(out))
	}
	for name := range n.attrs {
		if !o.takes(name) {
			return n, fmt.Errorf("attribute %q of %s is not known here", name, n.op)
		}
	}
	n.operate = o.operate
	for _, name := range in {
		slot, known := m.slots[string(name)]
		if !known {
			return n, fmt.Errorf("input %q is defined by nothing before it", name)
		}
		n.in = append(n.in, slot)
	}
	if err := m.define(string(out[0])); err != nil {
		return n, err
	}
	n.out = m.slots[string(out[0])]
	return n, nil
}

// parseAttr reads an AttributeProto.
func parseAttr(f field) (name string, a attr, err error) {
	body, err := f.message()
	if err != nil {
		return "", attr{}, err
	}
	err = eachField(body, func(f field) error {
		switch f.number {
		case 1:
			return f.stringTo(&name)
		case 2:
			if f.wire != protowire.Fixed32Type {
				return f.mistyped("float")
			}
			a.float = math.Float32frombits(uint32(f.number64))
		case 3:
			return f.intTo(&a.int)
		case 5:
			body, err := f.message()
			if err == nil {
				_, a.tensor, err = parseTensor(body)
			}
			return within("tensor", err)
		case 8:
			return f.intsTo(&a.ints)
		}
		return nil
	})
	return name, a, err
}

// Data types of a TensorProto.
const (
	typeFloat = 1
	typeInt32 = 6
	typeInt64 = 7
)

// parseTensor reads a TensorProto whose contents lie in raw_data, as all
// exporters that matter here write it, or in float_data or int64_data. A value
// that is not finite is refused.
func parseTensor(body []byte) (name string, t *Tensor, err error) {
	var dims, ints []int64
	var raw []byte
	var floats []float32
	dataType := int64(0)
	hasRaw := false
	err = eachField(body, func(f field) error {
		switch f.number {
		case 1:
			return f.intsTo(&dims)
		case 2:
			return f.intTo(&dataType)
		case 4:
			return f.floatsTo(&floats)
		case 7:
			return f.intsTo(&ints)
		case 8:
			return f.stringTo(&name)
		case 9:
			hasRaw = true
			return f.bytesTo(&raw)
		case 13, 14:
			return errors.New("its contents lie in another file")
		}
		return nil
	})
	if err != nil {
		return name, nil, err
	}
	t = &Tensor{Shape: []int{}}
	for _, d := range dims {
		if d < 0 || d > maxElements {
			return name, nil, fmt.Errorf("dimension %d", d)
		}
		t.Shape = append(t.Shape, int(d))
	}
	n, err := size(t.Shape)
	if err != nil {
		return name, nil, err
	}
	width := map[int64]int{typeFloat: 4, typeInt32: 4, typeInt64: 8}[dataType]
	switch {
	case width == 0:
		return name, nil, fmt.Errorf("data type %d, want float (1), int32 (6) or int64 (7)", dataType)
	case hasRaw && len(raw) != n*width:
		return name, nil, fmt.Errorf("%d bytes for shape %v, want %d", len(raw), t.Shape, n*width)
	case !hasRaw && dataType == typeFloat && len(floats) != n, !hasRaw && dataType == typeInt64 && len(ints) != n, !hasRaw && dataType == typeInt32:
		return name, nil, fmt.Errorf("no contents that are %d elements of data type %d", n, dataType)
	}
	switch {
	case dataType == typeFloat:
		t.Floats = make([]float32, n)
		copy(t.Floats, floats)
		if hasRaw {
			for i := range t.Floats {
				t.Floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			}
		}
		for i, x := range t.Floats {
			if x-x != 0 {
				return name, nil, fmt.Errorf("element %d is %v", i, x)
			}
		}
	case !hasRaw:
		t.Ints = append(make([]int64, 0, n), ints...)
	default:
		t.Ints = make([]int64, n)
		for i := range t.Ints {
			if dataType == typeInt32 {
				t.Ints[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
			} else {
				t.Ints[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
			}
		}
	}
	return name, t, nil
}

// field is one field of a protobuf message.
type field struct {
	number   protowire.Number
	wire     protowire.Type
	number64 uint64 // of varint and fixed-width fields
	body     []byte // of length-delimited fields
}

// eachField calls visit for each field of a message until it returns an
// error. Errors about the bytes, and those of visit, name the offset of the
// field.
func eachField(message []byte, visit func(field) error) error {
	for at := 0; at < len(message); {
		number, wire, n := protowire.ConsumeTag(message[at:])
		if n < 0 {
			return fmt.Errorf("byte %d: %w", at, protowire.ParseError(n))
		}
		f := field{number: number, wire: wire}
		rest := message[at+n:]
		var length int
		switch wire {
		case protowire.VarintType:
			f.number64, length = protowire.ConsumeVarint(rest)
		case protowire.Fixed32Type:
			var v uint32
			v, length = protowire.ConsumeFixed32(rest)
			f.number64 = uint64(v)
		case protowire.Fixed64Type:
			f.number64, length = protowire.ConsumeFixed64(rest)
		case protowire.BytesType:
			f.body, length = protowire.ConsumeBytes(rest)
		default:
			length = protowire.ConsumeFieldValue(number, wire, rest)
		}
		if length < 0 {
			return fmt.Errorf("byte %d: field %d: %w", at, number, protowire.ParseError(length))
		}
		if err := visit(f); err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		at += n + length
	}
	return nil
}

func (f *field) mistyped(want string) error {
	return fmt.Errorf("field %d has wire type %d, want %s", f.number, f.wire, want)
}

// message returns the contents of a length-delimited field.
func (f *field) message() ([]byte, error) {
	if f.wire != protowire.BytesType {
		return nil, f.mistyped("bytes")
	}
	if f.body == nil {
		return []byte{}, nil
	}
	return f.body, nil
}

func (f *field) bytesTo(dst *[]byte) error {
	body, err := f.message()
	*dst = body
	return err
}

func (f *field) appendTo(dst *[][]byte) error {
	body, err := f.message()
	*dst = append(*dst, body)
	return err
}

func (f *field) stringTo(dst *string) error {
	body, err := f.message()
	*dst = string(body)
	return err
}

func (f *field) intTo(dst *int64) error {
	if f.wire != protowire.VarintType {
		return f.mistyped("varint")
	}
	*dst = int64(f.number64)
	return nil
}

// intsTo appends a repeated integer, packed or not.
func (f *field) intsTo(dst *[]int64) error {
	if f.wire == protowire.VarintType {
		*dst = append(*dst, int64(f.number64))
		return nil
	}
	body, err := f.message()
	for at := 0; err == nil && at < len(body); {
		v, n := protowire.ConsumeVarint(body[at:])
		if n < 0 {
			return fmt.Errorf("field %d: %w", f.number, protowire.ParseError(n))
		}
		*dst = append(*dst, int64(v))
		at += n
	}
	return err
}

// floatsTo appends a packed repeated float.
func (f *field) floatsTo(dst *[]float32) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	if len(body)%4 != 0 {
		return fmt.Errorf("field %d has %d bytes, which are no floats", f.number, len(body))
	}
	for at := 0; at < len(body); at += 4 {
		*dst = append(*dst, math.Float32frombits(binary.LittleEndian.Uint32(body[at:])))
	}
	return nil
}

// within adds the place that an error is about; nil stays nil.
func within(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", place, err)
}
