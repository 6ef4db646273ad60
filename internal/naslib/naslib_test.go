package naslib

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

// example is in the form of an entry of NASLib's archives, its numbers
// invented.
const example = `[{"idx": "7", "arch": "(1, 0, 2)", "zen": {"score": 33.5, "time": 1.05}, "val_accuracy": 67.25}, ` +
	`{"idx": "8", "arch": "(0, 2, 2)", "zen": {"score": -100000000.0, "time": 1.0}, "val_accuracy": -0.5}]`

func TestParseRows(t *testing.T) {
	got, err := ParseRows([]byte(example), 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !math.IsNaN(got[1].Zen) {
		t.Fatalf("got %v, want 2 rows, the second without a Zen score", got)
	}
	got[1].Zen = 0
	want := []Row{{Ops: []int{1, 0, 2}, Zen: 33.5, Validation: 67.25}, {Ops: []int{0, 2, 2}, Validation: -0.5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseRowsRefuses(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"nothing", "", "byte 0: want a list: unexpected EOF"},
		{"a dictionary", "{}", "byte 0: want a list"},
		{"no end", example[:len(example)-1], "the list has no end"},
		{"half a row", example[:20], "row 0, before byte"},
		{"no comma", "[{}{}]", "row 0"},
		{"two lists", example + "[]", "something follows the list"},
		{"no score", `[{"arch": "(1, 0, 2)", "val_accuracy": 1}]`, "row 0, before byte 41: (1, 0, 2) has no zen score"},
		{"no accuracy", `[{"arch": "(1, 0, 2)", "zen": {"score": 1}}]`, "no val_accuracy"},
		{"an accuracy in words", strings.Replace(example, "67.25", `"high"`, 1), "row 0"},
		{"too few operations", strings.Replace(example, "(0, 2, 2)", "(0, 2)", 1), `row 1, before byte 194: architecture "(0, 2)", want a tuple of 3`},
		{"an unknown operation", strings.Replace(example, "(0, 2, 2)", "(0, 3, 2)", 1), `operation " 3", want 0 to 2`},
		{"a negative operation", strings.Replace(example, "(0, 2, 2)", "(0, -1, 2)", 1), `operation " -1"`},
		{"no tuple", strings.Replace(example, "(0, 2, 2)", "[0, 2, 2]", 1), "want a tuple of 3"},
	} {
		if rows, err := ParseRows([]byte(tc.body), 3, 3); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", tc.name, rows, err, tc.want)
		}
	}
}

func TestParseName(t *testing.T) {
	space, dataset, err := ParseName("zen/benchmark--nasbench201--ImageNet16-120--8250.json")
	if err != nil || space != "nasbench201" || dataset != "ImageNet16-120" {
		t.Errorf("got %s, %s, %v", space, dataset, err)
	}
	for _, name := range []string{"", "zen/readme.txt", "benchmark--nasbench201--cifar10.json", "benchmark--nasbench201--cifar10--0", "other--a--b--0.json"} {
		if _, _, err := ParseName(name); err == nil {
			t.Errorf("no error for the name %q", name)
		}
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add([]byte(example))
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, err := ParseRows(body, 3, 3)
		if err != nil {
			return
		}
		for _, row := range rows {
			for _, op := range row.Ops {
				if op < 0 || op > 2 {
					t.Errorf("operation %d", op)
				}
			}
			if math.IsInf(row.Zen, 0) || math.IsInf(row.Validation, 0) || math.IsNaN(row.Validation) {
				t.Errorf("row %v", row)
			}
		}
	})
}
