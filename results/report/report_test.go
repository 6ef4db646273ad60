package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/plot"
	"github.com/hypernas/hypernas/results/report"
	"github.com/hypernas/hypernas/results/table"
)

// hostile is text that a page must not take for its own.
const hostile = `</script><script>document.title="taken"</script><img src=x onerror=alert(1)> & "quoted" 'so'`

// page returns the page of an invented run in which one trial failed.
func page(t *testing.T) string {
	t.Helper()
	var rs []results.Record
	for p, name := range []string{"params", "ridge", "np", hostile} {
		for _, budget := range []int{20, 50, 100} {
			for split := range 3 {
				r := results.Record{
					Schema: results.SchemaVersion, Key: fmt.Sprintf("%064d", len(rs)),
					Space:     results.SpaceRef{Alias: "bundled", Name: "bundled", Digest: strings.Repeat("5e", 32), Label: "val", Target: "test"},
					Predictor: results.PredictorRef{Alias: name, Name: name, Identity: "builtin:" + name + "@1"},
					Preset:    "clean", Pool: "all", Budget: budget, Split: split,
					Metrics: map[string]float64{
						"kendall_tau":       .5 - .1*math.Abs(float64(p)-1.2) + .001*float64(budget) + .01*float64(split*p%3),
						"top_5pct_accuracy": .3,
					},
					Environment: results.Environment{GOOS: "linux", GOARCH: "amd64", Kernels: "avx512", Binary: strings.Repeat("ab", 32), Limits: []string{"memory 4 GiB"}},
					Cost:        results.Cost{FitSeconds: float64(9-p) * float64(budget) / 100},
				}
				if p == 2 && budget == 50 && split == 1 {
					r.Metrics, r.Failure = nil, &results.Failure{Stage: "fit", Reason: "panic: " + hostile, Log: "line 1\nline 2 " + hostile}
				}
				rs = append(rs, r)
			}
		}
	}
	run := &results.Run{
		Records: rs, Damage: []results.Damage{{File: "records.jsonl", Line: 7, Reason: "damaged record"}},
		Manifest: &results.Manifest{
			Schema: 1, Version: "hypernas test", PlanDigest: strings.Repeat("12", 32), Plan: json.RawMessage(`{"spaces":[{"alias":"bundled"}]}`),
			Predictors: []results.PredictorSummary{{PredictorRef: rs[9].Predictor, Version: 1, Summary: "ridge regression"}},
			Spaces:     []results.SpaceSummary{{SpaceRef: rs[0].Space, Rows: 5260, License: "Apache-2.0"}},
		},
	}
	c, err := table.Compare(rs, table.Options{Predictors: []string{"params", "ridge", "np"}})
	if err != nil {
		t.Fatal(err)
	}
	curves, err := plot.Curves(&c.Groups[0])
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = report.Write(&b, &report.Report{
		Title: "an invented run", Run: run, Comparison: c, Figures: map[int][]*plot.Figure{0: {curves}}, Notes: []string{"a note"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestThePageHoldsTheRun(t *testing.T) {
	text := page(t)
	for _, want := range []string{
		"36 trials", "1 failed", "fit: panic: ", "<pre>line 1\nline 2 ", "a note", "records.jsonl:7: damaged record", strings.Repeat("12", 32),
		`&#34;alias&#34;: &#34;bundled&#34;`, "memory 4 GiB", strings.Repeat("ab", 32), "builtin:ridge@1", "ridge regression", "Apache-2.0", `<svg role="img" aria-label="`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestThePageNeedsNoNetwork looks for whatever could load something.
func TestThePageNeedsNoNetwork(t *testing.T) {
	text := page(t)
	for _, bad := range []string{"<link", "<script src", "@import", "url(", "<iframe", "<img", "<base"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	addresses := regexp.MustCompile(`https?://[^"' <]*`).FindAllString(text, -1)
	for _, a := range addresses {
		if !strings.HasPrefix(a, "http://www.w3.org/") { // names of XML, which nobody loads
			t.Errorf("the page refers to %s", a)
		}
	}
}

// dump opens the page in Chromium with the given address fragment and returns
// the document as it is after scripts ran.
func dump(t *testing.T, text, fragment string) string {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here: the report was not driven in a browser (Debian: chromium)")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--virtual-time-budget=5000", "--dump-dom", "file://"+path+fragment)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	return string(out)
}

// column returns the texts of the n-th cell of each row of the table called
// id, as it stands in the document.
func column(t *testing.T, document, id string, n int) []string {
	t.Helper()
	_, rest, found := strings.Cut(document, `id="`+id+`"`)
	if !found {
		t.Fatalf("no table %s in\n%.2000s", id, document)
	}
	body, _, _ := strings.Cut(rest, "</table>")
	_, body, _ = strings.Cut(body, "<tbody>")
	var texts []string
	for _, row := range regexp.MustCompile(`(?s)<tr>(.*?)</tr>`).FindAllStringSubmatch(body, -1) {
		cells := regexp.MustCompile(`(?s)<t[dh][^>]*>(.*?)</t[dh]>`).FindAllStringSubmatch(row[1], -1)
		texts = append(texts, regexp.MustCompile(`<[^>]*>`).ReplaceAllString(cells[n][1], ""))
	}
	return texts
}

// TestABrowserSortsTables drives the page in Chromium: the address's fragment
// presses headers as a click does.
func TestABrowserSortsTables(t *testing.T) {
	text := page(t)
	plain := dump(t, text, "")
	if strings.Contains(plain, "<title>taken</title>") {
		t.Error("a text of the run became a script")
	}
	if got, want := column(t, plain, "table-1", 0)[:3], []string{"params", "ridge", "np"}; !slices.Equal(got, want) {
		t.Errorf("got order %q, want the plan's %q", got, want)
	}
	if !strings.Contains(plain, `<button type="button">20 labels</button>`) {
		t.Error("headers hold no buttons, which the keyboard needs")
	}
	sorted := dump(t, text, "#sort=table-1.1.descending")
	if !strings.Contains(sorted, `aria-sort="descending"`) {
		t.Error("the header does not say that it sorts")
	}
	taus := column(t, sorted, "table-1", 1)
	if got := column(t, sorted, "table-1", 0)[0]; got != "ridge" || len(taus) != 4 || !slices.IsSortedFunc(taus, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("got %s first with taus %q, want ridge and descending ones", got, taus)
	}
	// The failed trial has no tau and stands last in both directions.
	for _, direction := range []string{"ascending", "descending"} {
		status := column(t, dump(t, text, "#sort=trial-table.7."+direction), "trial-table", 6)
		if len(status) != 36 || status[35] != "failed" {
			t.Errorf("%s: got last status of %d %q, want that of the failed trial", direction, len(status), status[len(status)-1])
		}
	}
}

// TestThePageFitsAPhone lays the page out at 390 pixels and reads how wide it
// became.
func TestThePageFitsAPhone(t *testing.T) {
	text := page(t)
	// A frame, since windows can't be that narrow; the answer stands in its
	// parent's title.
	frame := `<!DOCTYPE html><title>wait</title><body><iframe style="width:390px;height:800px;border:0" srcdoc="` +
		strings.NewReplacer("&", "&amp;", `"`, "&quot;").Replace(text) +
		`" onload="document.title='width '+this.contentDocument.documentElement.scrollWidth"></iframe></body>`
	if got := dump(t, frame, ""); !strings.Contains(got, "<title>width 390</title>") {
		t.Errorf("got %.60s, want a page of 390 pixels that does not scroll sideways", got[max(0, strings.Index(got, "<title>")):])
	}
}
