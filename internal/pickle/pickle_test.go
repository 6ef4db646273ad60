package pickle

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// example returns what numpy wrote: testdata/arrays.py.
func example(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/arrays.pkl")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFloatArrays(t *testing.T) {
	got, err := FloatArrays(example(t))
	if err != nil {
		t.Fatal(err)
	}
	ramp := make([]float64, 100)
	for i := range ramp {
		ramp[i] = float64(i) / 4
	}
	want := map[string]map[string][]float64{
		"short": {"ramp": ramp[:3], "empty": {}},
		"long":  {"ramp": ramp, "special": {math.NaN(), math.Inf(-1)}},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d dictionaries, want %d", len(got), len(want))
	}
	for outer, arrays := range want {
		if len(got[outer]) != len(arrays) {
			t.Errorf("%s: got %d arrays, want %d", outer, len(got[outer]), len(arrays))
		}
		for inner, values := range arrays {
			same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
			if !slices.EqualFunc(got[outer][inner], values, same) {
				t.Errorf("%s of %s: got %v, want %v", inner, outer, got[outer][inner], values)
			}
		}
	}
}

func TestFloatArraysRefuses(t *testing.T) {
	good := string(example(t))
	// proto is the first opcode with its argument; the tests of single opcodes
	// follow it.
	const proto = "\x80\x04"
	for _, tc := range []struct{ name, data, want string }{
		{"nothing", "", "byte 0: the file ends too early"},
		{"another protocol", "\x80\x02}.", "byte 0: protocol is 2, want 4"},
		{"an unknown opcode", proto + "cos\nsystem\n", "byte 2: opcode 0x63"},
		{"a frame past the end", proto + "\x95\xff\xff\xff\xff\xff\xff\xff\xff", "byte 2: a frame of 18446744073709551615 bytes"},
		{"half a frame", proto + "\x95\x00", "byte 2: the file ends too early"},
		{"a text past the end", proto + "B\xff\xff\xff\xff", "byte 2: a text of 4294967295 bytes"},
		{"an empty stack", proto + ".", "byte 2: the stack is empty"},
		{"nothing to remember", proto + "\x94", "byte 2: the stack is empty"},
		{"nothing remembered", proto + "h\x00", "byte 2: value 0 of 0"},
		{"no mark", proto + "}u", "byte 3: there is no mark"},
		{"a tuple of nothing", proto + "\x87", "byte 2: the stack is empty"},
		{"a value before the mark", proto + "}(\x85", "byte 4: the stack is empty"},
		{"half an item", proto + "}(\x8c\x01au", "byte 7: 1 items for a dictionary"},
		{"items of a tuple", proto + "N\x85(u", "byte 5: 0 items for a tuple"},
		{"a number as a key", proto + "}(K\x01Nu", "byte 7: a int is the key"},
		{"a key twice", proto + "}(\x8c\x01aN\x8c\x01aNu", "byte 12: key \"a\" occurs twice"},
		{"a call of a text", proto + "\x8c\x01aN\x85R", "byte 7: a string with a tuple"},
		{"a name of a number", proto + "K\x01K\x01\x93", "byte 6: a int with a int"},
		{"a state of a dictionary", proto + "}Nb", "byte 4: a dictionary with a None"},
		{"two values", proto + "NN.", "byte 4: 1 values are left over"},
		{"bytes after the end", proto + "}.}", "byte 3: 1 bytes follow the end"},
		{"a number", proto + "K\x01.", "it holds a int, want a dictionary"},
		{"a flat dictionary", proto + "}(\x8c\x01aNu.", "\"a\" is a None, want a dictionary"},
		{"no array", proto + "}(\x8c\x01a}(\x8c\x01bNuu.", "\"b\" of \"a\": a None, want an array"},
		{"a call of something else", proto + "}(\x8c\x01a}(\x8c\x01b\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85Ruu.", "\"b\" of \"a\": a os.system object (byte 30), want an array"},
		{"a dictionary within itself", proto + "}\x94(\x8c\x01ah\x00u.", "\"a\" of \"a\": a dictionary, want an array"},
		{"another function", strings.Replace(good, "_reconstruct", "_reconstrucT", 1), "want an array"},
		{"big-endian numbers", strings.Replace(good, "\x8c\x01<", "\x8c\x01>", 1), "little-endian float64"},
		{"single precision", strings.Replace(good, "\x8c\x02f8", "\x8c\x02f4", 1), "little-endian float64"},
		{"another shape", strings.Replace(good, "K\x01K\x03\x85", "K\x01K\x02\x85", 1), "24 bytes for the shape (2)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := FloatArrays([]byte(tc.data))
			if err == nil {
				t.Fatalf("got %v, want an error with %q", got, tc.want)
			}
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, want an error with %q that wraps ErrMalformed", err, tc.want)
			}
		})
	}
	for n := range len(good) {
		if _, err := FloatArrays([]byte(good[:n])); !errors.Is(err, ErrMalformed) {
			t.Fatalf("the first %d bytes of %d: got %v, want an error that wraps ErrMalformed", n, len(good), err)
		}
	}
}

// TestSharedValuesAreRefused builds a dictionary whose thousand entries are one
// array, which costs the file four bytes an entry and would cost the reader
// the whole array each.
func TestSharedValuesAreRefused(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("\x80\x04")
	b.WriteString("\x8c\x15numpy.core.multiarray\x8c\x0c_reconstruct\x93N\x85R(K\x01M\x00\x10\x85")      // 4,096 values
	b.WriteString("\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02f8\x85R(K\x03\x8c\x01<tb\x89B\x00\x80\x00\x00") // 32,768 bytes
	b.Write(make([]byte, 32768))
	b.WriteString("tb\x94")
	array := b.String()
	build := func(entries int) []byte {
		// The first entry is the array itself; the others name it.
		var b bytes.Buffer
		b.WriteString("\x80\x04}(\x8c\x01a}(\x8c\x02aa")
		b.WriteString(array[2:])
		for i := range entries - 1 {
			b.WriteString("\x8c\x02" + string([]byte{byte('b' + i/20), byte('a' + i%20)}) + "h\x00")
		}
		b.WriteString("uu.")
		return b.Bytes()
	}
	if _, err := FloatArrays(build(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := FloatArrays(build(300)); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "shares its values") {
		t.Errorf("got %v, want an error about shared values", err)
	}
}

func FuzzFloatArrays(f *testing.F) {
	f.Add(example(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := FloatArrays(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v does not wrap ErrMalformed", err)
			}
			return
		}
		total := 0
		for _, arrays := range got {
			for _, values := range arrays {
				total += len(values)
			}
		}
		if total > len(data)/8 {
			t.Errorf("%d values from %d bytes", total, len(data))
		}
	})
}
