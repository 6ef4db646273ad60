package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/plot"
	"github.com/hypernas/hypernas/results/table"
)

// The page's parts.
var (
	//go:embed report.gohtml
	pageTemplate string
	//go:embed report.css
	styles string
	//go:embed report.js
	script string
)

// Report is what a page shows.
type Report struct {
	Title      string
	Run        *results.Run
	Comparison *table.Comparison
	// Figures holds those of each of the comparison's groups, by its place.
	Figures map[int][]*plot.Figure
	// Overall are figures over all groups.
	Overall []*plot.Figure
	// Notes says what the page lacks, and why.
	Notes []string
}

// page is a report as the template sees it.
type page struct {
	Title, Version, Created, PlanDigest, Plan string
	ScriptHash                                string
	Style                                     template.CSS
	Script                                    template.JS
	Failed                                    int
	Notes                                     []string
	Groups                                    []section
	Overall                                   []figure
	Trials                                    []trial
	Environments                              []environment
	Spaces                                    []results.SpaceSummary
	Predictors                                []results.PredictorSummary
}

type section struct {
	Tables  template.HTML
	Figures []figure
}

type figure struct {
	Title string
	SVG   template.HTML
}

// trial is one row of the page's table of trials.
type trial struct {
	*results.Record
	Tau, Top5, Fit, Predict, CPU, Memory number
}

// number is a figure as the page shows it, and what rows are sorted by; both
// are empty where there is none.
type number struct{ Text, Value string }

// environment is what several trials ran on.
type environment struct {
	results.Environment
	Trials int
}

// Write writes the page.
func Write(w io.Writer, r *Report) error {
	p := page{
		Title: r.Title, Style: template.CSS(styles), Script: template.JS(script),
		Notes: slices.Clone(r.Notes),
	}
	hash := sha256.Sum256([]byte(script))
	p.ScriptHash = base64.StdEncoding.EncodeToString(hash[:])
	for _, d := range r.Run.Damage {
		p.Notes = append(p.Notes, "Can't be read: "+d.String())
	}
	if m := r.Run.Manifest; m != nil {
		p.Version, p.Created, p.PlanDigest = m.Version, m.Created, m.PlanDigest
		var plan bytes.Buffer
		if err := json.Indent(&plan, m.Plan, "", "  "); err != nil {
			p.Notes = append(p.Notes, fmt.Sprintf("The plan can't be read: %v.", err))
		} else {
			p.Plan = plan.String()
		}
		p.Spaces, p.Predictors = m.Spaces, m.Predictors
	}
	for i := range r.Comparison.Groups {
		tables, err := r.Comparison.Groups[i].HTML(r.Comparison.Reach)
		if err != nil {
			return fmt.Errorf("tables of the report: %w", err)
		}
		figures, err := inline(r.Figures[i])
		if err != nil {
			return err
		}
		p.Groups = append(p.Groups, section{tables, figures})
	}
	var err error
	if p.Overall, err = inline(r.Overall); err != nil {
		return err
	}
	records := results.Latest(r.Run.Records)
	slices.SortStableFunc(records, func(a, b results.Record) int {
		return cmp.Or(
			strings.Compare(a.Space.Alias, b.Space.Alias), strings.Compare(a.Preset, b.Preset), strings.Compare(a.Predictor.Alias, b.Predictor.Alias),
			a.Budget-b.Budget, a.Split-b.Split, a.Repeat-b.Repeat,
		)
	})
	for i := range records {
		record := &records[i]
		if f := record.Failure; f != nil && !f.Unsupported {
			p.Failed++
		}
		p.Trials = append(p.Trials, trial{
			Record: record,
			Tau:    metric(record, "kendall_tau"), Top5: metric(record, "top_5pct_accuracy"),
			Fit: seconds(record.Cost.FitSeconds), Predict: seconds(record.Cost.PredictSeconds), CPU: seconds(record.Cost.CPUSeconds),
			Memory: show(float64(record.Cost.MemoryBytes)/(1<<20), 1),
		})
	}
	p.Environments = environments(records)

	t, err := template.New("report").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("lay out report: %w", err)
	}
	if err := t.Execute(w, &p); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// inline draws figures as parts of the page.
func inline(figures []*plot.Figure) ([]figure, error) {
	var drawn []figure
	for _, f := range figures {
		var b bytes.Buffer
		if err := f.Write(&b, plot.SVG); err != nil {
			return nil, fmt.Errorf("figure of the report: %w", err)
		}
		// What stands before the element is for files alone.
		_, element, found := strings.Cut(b.String(), "<svg ")
		if !found {
			return nil, fmt.Errorf("figure of the report: %s is no SVG", f.Title)
		}
		element = `<svg role="img" aria-label="` + template.HTMLEscapeString(f.Title) + `" ` + element
		drawn = append(drawn, figure{f.Title, template.HTML(element)})
	}
	return drawn, nil
}

// environments returns what trials ran on, each once.
func environments(records []results.Record) []environment {
	var all []environment
	for i := range records {
		e := &records[i].Environment
		at := slices.IndexFunc(all, func(o environment) bool {
			return o.GOOS == e.GOOS && o.GOARCH == e.GOARCH && o.Kernels == e.Kernels && o.Binary == e.Binary && slices.Equal(o.Limits, e.Limits)
		})
		if at < 0 {
			at = len(all)
			all = append(all, environment{Environment: *e})
		}
		all[at].Trials++
	}
	return all
}

func metric(r *results.Record, name string) number {
	v, ok := r.Metrics[name]
	if !ok {
		return number{}
	}
	return show(v, 3)
}

func seconds(v float64) number { return show(v, 3) }

// show writes v with some decimals; rows are sorted by all of it.
func show(v float64, decimals int) number {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return number{}
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if math.Abs(v) < 1 {
		text = strings.Replace(text, "0.", ".", 1)
	}
	return number{text, strconv.FormatFloat(v, 'g', -1, 64)}
}
