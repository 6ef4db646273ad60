package table

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/hypernas/hypernas/results/stat"
)

// The JSON form. Numbers are not rounded; one that isn't known is null.
type (
	jsonComparison struct {
		Reach      float64     `json:"reach"` // the level of labels_to_reach
		Confidence float64     `json:"confidence"`
		Groups     []jsonGroup `json:"groups"`
	}
	jsonGroup struct {
		Space        string       `json:"space"`
		Digest       string       `json:"digest"`
		Label        string       `json:"label"`
		Target       string       `json:"target"`
		Protocol     jsonProtocol `json:"protocol"`
		Rows         int          `json:"architectures,omitempty"`
		LabelQuality *float64     `json:"label_quality"`
		Noise        *float64     `json:"noise"`
		Ceiling      *float64     `json:"ceiling"`
		Splits       int          `json:"splits"`
		Repeats      int          `json:"repeats"`
		TestRows     [2]int       `json:"test_rows"` // fewest and most
		Budgets      []int        `json:"budgets"`
		Test         string       `json:"test,omitempty"` // behind "tied"
		Baseline     string       `json:"baseline,omitempty"`
		Over         string       `json:"gain_over,omitempty"`
		Predictors   []jsonRow    `json:"predictors"`
		Notes        []string     `json:"notes"`
	}
	jsonProtocol struct {
		Preset string `json:"preset"`
		Test   int    `json:"test"`
		Pool   string `json:"pool"`
		Seed   uint64 `json:"seed"`
		Splits string `json:"split_sha256,omitempty"`
	}
	jsonRow struct {
		Name         string            `json:"name"`
		Alias        string            `json:"alias"`
		Identity     string            `json:"identity"`
		Options      map[string]string `json:"options,omitempty"`
		Transductive bool              `json:"transductive"`
		Reach        jsonReach         `json:"labels_to_reach"`
		Efficiency   *jsonEfficiency   `json:"efficiency,omitempty"`
		Cells        []jsonCell        `json:"cells"`
	}
	// jsonReach has a bound where a level is reached below the first budget,
	// or not by the last.
	jsonReach struct {
		Labels  *float64 `json:"labels"`
		AtMost  int      `json:"at_most,omitempty"`
		Above   int      `json:"above,omitempty"`
		Low     *float64 `json:"low"`  // null also where it lies below the first budget
		High    *float64 `json:"high"` // null also where it lies above the last
		Splits  int      `json:"splits"`
		Budgets [2]int   `json:"budgets"` // the least and the most
	}
	// jsonEfficiency compares with the group's baseline.
	jsonEfficiency struct {
		Fewer    *float64 `json:"fewer_labels"` // the baseline's labels over this one's
		AtLeast  bool     `json:"at_least,omitempty"`
		AtMost   bool     `json:"at_most,omitempty"`
		Low      *float64 `json:"low"`
		High     *float64 `json:"high"` // null also where there is no bound
		Area     *float64 `json:"area"` // mean of tau over log n
		AreaLow  *float64 `json:"area_low"`
		AreaHigh *float64 `json:"area_high"`
	}
	jsonCell struct {
		Budget      int                   `json:"budget"`
		Trials      int                   `json:"trials"`
		Failed      int                   `json:"failed"` // those not supported among them
		Unsupported int                   `json:"not_supported,omitempty"`
		Metrics     map[string]jsonMetric `json:"metrics"`
		Gain        *jsonGain             `json:"gain,omitempty"`
		Published   []jsonPublished       `json:"published,omitempty"`
	}
	jsonMetric struct {
		Mean      *float64 `json:"mean"`
		Low       *float64 `json:"low"`
		High      *float64 `json:"high"`
		Splits    int      `json:"splits"`
		Undefined int      `json:"undefined,omitempty"`
		Best      bool     `json:"best,omitempty"`
		Second    bool     `json:"second,omitempty"`
		Tied      bool     `json:"tied,omitempty"`
	}
	// jsonGain is in Kendall tau, over the predictor that the group names.
	jsonGain struct {
		Mean   *float64 `json:"mean"`
		Low    *float64 `json:"low"`
		High   *float64 `json:"high"`
		P      *float64 `json:"p"` // of the paired t test
		Splits int      `json:"splits"`
	}
	jsonPublished struct {
		Name    string   `json:"name"`
		Tau     float64  `json:"kendall_tau"`
		SD      *float64 `json:"sd"`
		Runs    int      `json:"runs,omitempty"`
		Preset  string   `json:"preset,omitempty"`
		Test    string   `json:"test,omitempty"`
		Differs bool     `json:"differs"`
		Source  string   `json:"source"`
	}
	jsonTrial struct {
		Space    string              `json:"space"`
		Protocol jsonProtocol        `json:"protocol"`
		Name     string              `json:"predictor"`
		Key      string              `json:"key"`
		Budget   int                 `json:"budget"`
		Split    int                 `json:"split"`
		Repeat   int                 `json:"repeat"`
		Status   string              `json:"status"` // as results.Record.Status says
		Metrics  map[string]float64  `json:"metrics"`
		Costs    map[string]*float64 `json:"costs"`
		Stage    string              `json:"failed_stage,omitempty"`
		Reason   string              `json:"reason,omitempty"`
	}
)

func writeJSON(w io.Writer, c *Comparison) error {
	all := jsonComparison{Reach: c.Reach, Confidence: stat.Confidence, Groups: []jsonGroup{}}
	for i := range c.Groups {
		g := &c.Groups[i]
		group := jsonGroup{
			Space: g.Name, Digest: g.Space.Digest, Label: g.Space.Label, Target: g.Space.Target, Protocol: jsonProtocol(g.Protocol),
			Rows: g.Facts.Rows, LabelQuality: fact(g.Facts.LabelQuality), Noise: fact(g.Facts.Noise), Ceiling: fact(g.Facts.Ceiling),
			Splits: g.Splits, Repeats: g.Repeats, TestRows: g.TestRows, Budgets: g.Budgets, Test: g.Test, Baseline: g.Baseline, Over: g.Over,
			Notes: append([]string{}, g.Notes...),
		}
		for r := range g.Rows {
			group.Predictors = append(group.Predictors, jsonOf(&g.Rows[r]))
		}
		all.Groups = append(all.Groups, group)
	}
	return encode(w, all)
}

func jsonOf(row *Row) jsonRow {
	j := jsonRow{
		Name: row.Name, Alias: row.Predictor.Alias, Identity: row.Predictor.Identity, Options: row.Predictor.Options,
		Transductive: row.Transductive,
		Reach: jsonReach{
			Labels: known(row.Reach.Labels), Low: known(row.Reach.Low), High: known(row.Reach.High),
			Splits: row.Reach.Splits, Budgets: [2]int{row.Reach.Least, row.Reach.Most},
		},
	}
	switch {
	case math.IsInf(row.Reach.Labels, -1):
		j.Reach.AtMost = row.Reach.Least
	case math.IsInf(row.Reach.Labels, 1):
		j.Reach.Above = row.Reach.Most
	}
	if e := row.Efficiency; e != nil {
		j.Efficiency = &jsonEfficiency{
			Fewer: known(e.Fewer.Value), AtLeast: e.Fewer.AtLeast, AtMost: e.Fewer.AtMost, Low: known(e.Fewer.Low), High: known(e.Fewer.High),
			Area: known(e.Area.Mean), AreaLow: known(e.Area.Low), AreaHigh: known(e.Area.High),
		}
	}
	for i := range row.Cells {
		c := &row.Cells[i]
		cell := jsonCell{Budget: c.Budget, Trials: c.Trials, Failed: c.Failed, Unsupported: c.Unsupported, Metrics: make(map[string]jsonMetric)}
		for name, s := range c.Metrics {
			standing := c.Standings[name]
			cell.Metrics[name] = jsonMetric{
				Mean: known(s.Mean), Low: known(s.Low), High: known(s.High), Splits: s.N, Undefined: s.Undefined,
				Best: standing.Best, Second: standing.Second, Tied: standing.Tied,
			}
		}
		if d := c.Gain; d != nil {
			cell.Gain = &jsonGain{Mean: known(d.Mean), Low: known(d.Low), High: known(d.High), P: known(d.P), Splits: d.N}
		}
		for _, p := range c.Published {
			cell.Published = append(cell.Published, jsonPublished{
				Name: p.Name, Tau: p.Tau, SD: known(p.SD), Runs: p.Runs, Preset: p.Preset, Test: p.Test, Differs: p.Differs, Source: p.Source,
			})
		}
		j.Cells = append(j.Cells, cell)
	}
	return j
}

func writeTrialsJSON(w io.Writer, c *Comparison) error {
	trials := []jsonTrial{}
	for i := range c.Groups {
		g := &c.Groups[i]
		for _, row := range g.Rows {
			for _, r := range row.Trials {
				t := jsonTrial{
					Space: g.Name, Protocol: jsonProtocol(g.Protocol), Name: row.Name, Key: r.Key,
					Budget: r.Budget, Split: r.Split, Repeat: r.Repeat, Status: r.Status(),
					Metrics: maps.Clone(r.Metrics), Costs: make(map[string]*float64),
				}
				for _, name := range costs() {
					t.Costs[name] = known(figure(r, name))
				}
				if r.Failure != nil {
					t.Stage, t.Reason = r.Failure.Stage, r.Failure.Reason
				}
				trials = append(trials, t)
			}
		}
	}
	return encode(w, slices.Clip(trials))
}

// encode writes v, which holds no NaN, for people and programs.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// known returns v, or nil where it isn't a finite number.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// fact returns a number of Facts, which is 0 where it isn't known.
func fact(v float64) *float64 {
	if v == 0 {
		return nil
	}
	return known(v)
}
