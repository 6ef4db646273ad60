package split_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
)

// identities returns those of n rows, of which each group of members
// neighbours shares one.
func identities(n, members int) []plugins.Identity {
	ids := make([]plugins.Identity, n)
	for i := range ids {
		binary.BigEndian.PutUint64(ids[i][:], uint64(i/members)*0x9e3779b97f4a7c15)
	}
	return ids
}

func draw(t *testing.T, r split.Request, ids []plugins.Identity) *split.Split {
	t.Helper()
	if r.Structures == nil {
		r.Structures = ids
	}
	s, err := split.Draw(r, ids)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func of(ids []plugins.Identity, rows []int) map[plugins.Identity]bool {
	set := map[plugins.Identity]bool{}
	for _, row := range rows {
		set[ids[row]] = true
	}
	return set
}

func TestCleanKeepsFunctionsOnOneSide(t *testing.T) {
	ids := identities(1000, 3)
	for number := range 5 {
		s := draw(t, split.Request{Preset: "clean", Seed: 7, Number: number}, ids)
		for _, budget := range []int{2, 50, 300} {
			train, test := s.Train(budget), s.Test(budget)
			trained, tested := of(ids, train), of(ids, test)
			if got, want := len(train)+len(test), 334; got != want {
				t.Errorf("got %d rows, want one of each of %d identities", got, want)
			}
			for id := range trained {
				if tested[id] {
					t.Fatalf("split %d, budget %d: identity %x on both sides", number, budget, id)
				}
			}
			for _, row := range test {
				if row%3 != 0 {
					t.Fatalf("row %d is not the first member of its identity", row)
				}
			}
			if got := s.Overlap(budget); got != 0 {
				t.Errorf("overlap: got %d, want 0", got)
			}
		}
		if len(s.Warnings()) != 0 {
			t.Errorf("got warnings %q, want none", s.Warnings())
		}
	}
}

func TestUniformCoversAllRows(t *testing.T) {
	ids := identities(500, 2)
	s := draw(t, split.Request{Preset: "uniform"}, ids)
	rows := slices.Concat(s.Train(100), s.Test(100))
	slices.Sort(rows)
	for i, row := range rows {
		if i != row {
			t.Fatalf("rows %v…, want every row once", rows[:i+1])
		}
	}
	if len(rows) != 500 {
		t.Errorf("got %d rows, want 500", len(rows))
	}
	trained, want := of(ids, s.Train(100)), 0
	for _, row := range s.Test(100) {
		if trained[ids[row]] {
			want++
		}
	}
	if got := s.Overlap(100); got != want || got == 0 {
		t.Errorf("overlap: got %d, want %d", got, want)
	}
	if len(s.Warnings()) != 1 {
		t.Errorf("got warnings %q, want one of equal functions", s.Warnings())
	}
	if w := draw(t, split.Request{Preset: "uniform"}, identities(500, 1)).Warnings(); len(w) != 0 {
		t.Errorf("got warnings %q for distinct functions, want none", w)
	}
}

func TestBudgetsNestAndTestRowsStay(t *testing.T) {
	for _, p := range split.Presets() {
		s := draw(t, split.Request{Preset: p.Name, Test: 40}, identities(300, 2))
		small := s.Train(20)
		if large := s.Train(90); p.MaxSplits() == 0 && !slices.Equal(large[:20], small) ||
			slices.ContainsFunc(small, func(row int) bool { return !slices.Contains(large, row) }) {
			t.Errorf("%s: the rows of budget 20 are not the first of budget 90", p.Name)
		}
		if !slices.Equal(s.Test(20), s.Test(90)) || len(s.Test(20)) != 40 {
			t.Errorf("%s: test rows change with the budget", p.Name)
		}
		all := draw(t, split.Request{Preset: p.Name}, identities(300, 2))
		if !slices.Equal(all.Train(90), s.Train(90)) {
			t.Errorf("%s: the number of test rows changes the training rows", p.Name)
		}
	}
}

func TestSplitsDiffer(t *testing.T) {
	ids := identities(200, 1)
	base := draw(t, split.Request{Preset: "clean"}, ids).Train(50)
	for name, other := range map[string]*split.Split{
		"number":     draw(t, split.Request{Preset: "clean", Number: 1}, ids),
		"seed":       draw(t, split.Request{Preset: "clean", Seed: 1}, ids),
		"preset":     draw(t, split.Request{Preset: "uniform"}, ids),
		"identities": draw(t, split.Request{Preset: "clean"}, append(identities(200, 1), plugins.Identity{15: 1})),
	} {
		if slices.Equal(base, other.Train(50)) {
			t.Errorf("another %s gives the same split", name)
		}
	}
}

// A space that lists its rows in another order has the same clean split.
func TestCleanIgnoresTheOrderOfRows(t *testing.T) {
	ids := identities(90, 3)
	backwards := slices.Clone(ids)
	slices.Reverse(backwards)
	a := draw(t, split.Request{Preset: "clean"}, ids).Train(10)
	b := draw(t, split.Request{Preset: "clean"}, backwards).Train(10)
	for k := range a {
		if ids[a[k]] != backwards[b[k]] {
			t.Fatalf("place %d: identity %x, want %x", k, backwards[b[k]], ids[a[k]])
		}
	}
}

func TestPool(t *testing.T) {
	ids := identities(300, 3)
	s := draw(t, split.Request{Preset: "uniform", Test: 30}, ids)
	if got := len(s.Pool(false)); got != 300 {
		t.Errorf("got %d rows, want all", got)
	}
	tested, pool := of(ids, s.Test(10)), s.Pool(true)
	for _, row := range pool {
		if tested[ids[row]] {
			t.Fatalf("row %d computes what a test row computes", row)
		}
	}
	if got, want := len(pool), 300-3*len(tested); got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
	if slices.IsSorted(pool) {
		t.Error("the pool stands in the space's order")
	}
}

func TestErrorsNameTheMistake(t *testing.T) {
	ids := identities(5260, 1)
	if _, err := split.Draw(split.Request{Preset: "fair"}, ids); err == nil || !strings.Contains(err.Error(), "choose clean, uniform, pinat") {
		t.Errorf("got %v, want the choices", err)
	}
	if _, err := split.Draw(split.Request{Preset: "clean", Test: 5260}, ids); err == nil || !strings.Contains(err.Error(), "5260 identities") {
		t.Errorf("got %v, want the space's size", err)
	}
	all, some := draw(t, split.Request{Preset: "clean"}, ids), draw(t, split.Request{Preset: "clean", Test: 500}, ids)
	for _, tc := range []struct {
		s      *split.Split
		budget int
		want   string
	}{
		{all, 5258, ""},
		{all, 5259, "do not fit"},
		{all, 6000, "budget 6000 is larger than the space, which has 5260 identities"},
		{some, 4760, ""},
		{some, 4761, "budget 4761 and 500 test rows"},
	} {
		err := tc.s.Check(tc.budget)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("budget %d: got %v, want %q", tc.budget, err, tc.want)
		}
	}
}

// The splits are pinned: records of older builds stay comparable. The hashes
// are of this package's own making; the rule is in its package comment.
func TestSplitsArePinned(t *testing.T) {
	for _, tc := range []struct{ preset, want string }{
		{"clean", "1be3a528fa4eb99cb82fd310e430d7ccd87d0a28f214255ccdd2257e9e20ad3a"},
		{"uniform", "a7aaf61e3126ec834585979f640ae1fcaf5d42be86eaef570a51ab01e403b60c"},
		{"tagates", "c98f44dc10dca4f0967b2d8dfefa1899486cbe98826c3bae9713a669f00ad954"},
		{"flan", "7ad50fa23c3872913ed9431ea915d8b8302a3e6095a994e0816c17adfb64953e"},
		{"naslib", "7a1004d3881d10a2a917f6f05480dd27b4713477310b35ddfbeb5dd35a0f593a"},
		{"pinat", "3fe3edc9164139391ba30fabf0704a43737ebe9aae3f29b8b93cf30cbe4255e9"},
		{"narformer", "abbbb405143a60aed4f5e335fc636821214f12e2cdedc3f9466fd65f0b6c5f53"},
		{"graf", "878da2e89c9b298d7391b1908f9bd6edfbce0097f85fdc1655f451cc59626387"},
	} {
		h := sha256.New()
		for number := range 3 {
			if tc.preset == "narformer" && number > 0 {
				break // it has one split
			}
			s := draw(t, split.Request{Preset: tc.preset, Seed: 42, Number: number}, identities(400, 2))
			for _, rows := range [][]int{s.Train(100), s.Test(100), s.Pool(false)} {
				for _, row := range rows {
					h.Write(binary.LittleEndian.AppendUint32(nil, uint32(row)))
				}
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.preset, got, tc.want)
		}
	}
}
