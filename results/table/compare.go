package table

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/published"
	"github.com/hypernas/hypernas/results/stat"
)

// Names of the metrics that the comparison shows. They are those of records.
const (
	kendallTau = "kendall_tau"
	top5       = "top_5pct_accuracy"
)

// Names of costs, which stand beside the metrics in a cell.
const (
	fitSeconds     = "fit_seconds"
	predictSeconds = "predict_seconds"
	cpuSeconds     = "cpu_seconds"
	memoryBytes    = "memory_bytes"
)

// costs returns the names of costs.
func costs() []string { return []string{fitSeconds, predictSeconds, cpuSeconds, memoryBytes} }

// DefaultReach is the level of Kendall tau of "labels to reach": .6 orders
// four pairs of five rightly, which is about where a search that follows a
// predictor begins to beat counting parameters on NAS-Bench-201 (tau .577),
// and within reach of 20 to 500 labels on most spaces. A fixed level keeps
// tables of different runs comparable.
const DefaultReach = .6

// Facts is what a reader of a table must know of a space. A number that isn't
// known is 0 or NaN, and isn't shown.
type Facts struct {
	Rows         int     // architectures
	LabelQuality float64 // tau between label and target
	Noise        float64 // mean tau between single training runs
	Ceiling      float64 // tau that a perfect predictor would reach
}

// Options chooses what a comparison shows.
type Options struct {
	// Spaces and Predictors hold aliases in the order in which they are
	// shown, the plan's. Others follow in alphabetical order.
	Spaces, Predictors []string
	// Current holds the predictors of the last run. Of a predictor's
	// versions, the one here is shown if it has trials, else the version of
	// the last record.
	Current []results.PredictorRef
	// Newest returns the version that a built-in predictor has now, or 0 where
	// that isn't known or it is none; nil where no version is known. A note
	// names rows whose trials are of another.
	Newest func(*results.PredictorRef) int
	Facts  func(results.SpaceRef) Facts // nil where nothing is known
	// Published returns the published figures that stand beside a cell's; nil
	// where none are wanted.
	Published func(space results.SpaceRef, predictor results.PredictorRef, labels int) []published.Figure
	Reach     float64 // level for Row.Reach; 0 means DefaultReach
	// Baseline is the alias or name of the predictor that sample efficiency is
	// compared with; empty for no such comparison.
	Baseline string
	// Over is the alias or name of the predictor over which gains in Kendall
	// tau are shown; empty for none.
	Over string
	// Impute is what Kendall tau counts as in trials that failed or where it
	// is undefined; nil leaves their cells without a mean. Notes say how many
	// there were.
	Impute *float64
}

// Comparison is every figure of some records.
type Comparison struct {
	Groups []Group
	Reach  float64 // the level of Row.Reach
}

// Protocol is what must be equal for figures on one space to be compared.
type Protocol struct {
	Preset string
	Test   int    // 0 means all
	Pool   string // "all", "nontest" or "none"
	Seed   uint64
	// Splits is the SHA-256 of the file that the splits are from; it is empty
	// where they were drawn.
	Splits string
}

// ProtocolOf returns the protocol of a trial.
func ProtocolOf(r *results.Record) Protocol {
	return Protocol{r.Preset, r.Test, r.Pool, r.Seed, r.SplitSHA256}
}

// String names the protocol as titles and errors do.
func (p Protocol) String() string {
	s := fmt.Sprintf("preset %s, seed %d", p.Preset, p.Seed)
	if p.Test > 0 {
		s += fmt.Sprintf(", --test %d", p.Test)
	}
	if p.Pool != "all" {
		s += ", --pool " + p.Pool
	}
	if p.Splits != "" {
		s += fmt.Sprintf(", splits of file %.12s", p.Splits)
	}
	return s
}

// Group is the trials on one space under one protocol: one table.
type Group struct {
	Name     string // the space's alias, and more where that names several
	Space    results.SpaceRef
	Protocol Protocol
	Facts    Facts
	Splits   int // different ones
	Repeats  int // the most of one split
	// TestRows are the fewest and the most that a trial was scored on.
	TestRows [2]int
	Budgets  []int // ascending
	Rows     []Row
	Notes    []string // what a reader must know of the figures
	Test     string   // the test behind Standing.Tied
	Baseline string   // the row that Row.Efficiency compares with; empty where there is none
	Over     string   // the row that Cell.Gain is over; empty where there is none
}

// Row is one predictor.
type Row struct {
	Name      string // the predictor's alias, and more where that names several
	Predictor results.PredictorRef
	// Transductive says that the predictor was shown unlabelled architectures,
	// those of the test set among them; Name says so too.
	Transductive bool
	Cells        []Cell // one for each of Group.Budgets
	Reach        stat.Samples
	Efficiency   *Efficiency // nil where the group has no baseline
	// Trials holds one record a trial, by budget, split and repeat.
	Trials []*results.Record

	impute *float64 // Options.Impute
}

// Cell is one predictor at one budget.
type Cell struct {
	Budget         int
	Trials, Failed int
	// Unsupported counts those among Failed whose predictor can't serve the space.
	Unsupported int
	// Metrics by name, costs among them. A metric that the predictor isn't
	// scored by is absent.
	Metrics map[string]stat.Summary
	// Standings by metric, costs not among them: absent where there is no
	// mean, or nothing to compare it with.
	Standings map[string]Standing
	// Gain is how far Kendall tau lies above that of Group.Over, paired over
	// splits; nil where there is no such row.
	Gain      *stat.Difference
	Published []Published
}

// Standing is a cell's place among those of its group with its budget.
type Standing struct {
	Best, Second bool // the highest mean, and the highest below that
	// Tied says that the test does not tell the cell from the best one; see
	// Group.Test.
	Tied bool
}

// Published is a published figure beside a cell.
type Published struct {
	published.Figure
	// Differs says that it was made under another protocol, or that its
	// protocol isn't known.
	Differs bool
}

// Only returns the comparison of the groups under protocol p, which may be
// none. It shares them with c.
func (c *Comparison) Only(p Protocol) *Comparison {
	only := &Comparison{Reach: c.Reach}
	for _, g := range c.Groups {
		if g.Protocol == p {
			only.Groups = append(only.Groups, g)
		}
	}
	return only
}

// Compare computes a comparison, which refers to the records. Where a trial
// has several of them, the last one counts. Of a predictor's versions one
// counts, see Options.Current: trials of others are left out, with a note. It
// returns an error if there are no records.
func Compare(records []results.Record, o Options) (*Comparison, error) {
	if len(records) == 0 {
		return nil, errors.New("no records to compare")
	}
	c := &Comparison{Reach: o.Reach}
	if c.Reach == 0 {
		c.Reach = DefaultReach
	}
	type place struct {
		space    string
		protocol Protocol
	}
	groups := make(map[place][]*results.Record)
	spaces := make(map[string]string) // identity of a space to its alias
	type row struct {
		place   place
		variant string
	}
	placeOf := func(r *results.Record) place {
		return place{spaceIdentity(&r.Space), ProtocolOf(r)}
	}
	current := make(map[string]string) // variant to identity of the predictor
	for i := range o.Current {
		current[variant(&o.Current[i])] = o.Current[i].Identity
	}
	counts := make(map[row]string) // identity of the predictor
	for i := range records {
		r := &records[i]
		v := variant(&r.Predictor)
		if at := (row{placeOf(r), v}); counts[at] == "" || counts[at] != current[v] {
			counts[at] = r.Predictor.Identity
		}
	}
	others := make(map[place]map[string]int) // trials by alias
	for _, r := range lastOfEach(records) {
		p := placeOf(r)
		if r.Predictor.Identity != counts[row{p, variant(&r.Predictor)}] {
			if others[p] == nil {
				others[p] = make(map[string]int)
			}
			others[p][r.Predictor.Alias]++
			continue
		}
		groups[p] = append(groups[p], r)
		spaces[p.space] = r.Space.Alias
	}
	spaceNames := names(spaces)
	for p, trials := range groups {
		g := newGroup(spaceNames[p.space], p.protocol, trials, o, c.Reach)
		for _, alias := range slices.Sorted(maps.Keys(others[p])) {
			g.Notes = append(g.Notes, fmt.Sprintf("%s: %s of other versions of it are not shown.", alias, count(others[p][alias], "trial")))
		}
		c.Groups = append(c.Groups, g)
	}
	slices.SortFunc(c.Groups, func(a, b Group) int {
		return cmp.Or(
			byOrder(o.Spaces, a.Space.Alias, b.Space.Alias),
			strings.Compare(a.Name, b.Name),
			strings.Compare(a.Protocol.String(), b.Protocol.String()),
		)
	})
	return c, nil
}

// lastOfEach returns the last record of each trial, in the order of keys.
func lastOfEach(records []results.Record) []*results.Record {
	last := make(map[string]*results.Record)
	for i := range records {
		last[records[i].Key] = &records[i]
	}
	var trials []*results.Record
	for _, key := range slices.Sorted(maps.Keys(last)) {
		trials = append(trials, last[key])
	}
	return trials
}

// spaceIdentity returns a text that two references share if they mean the same
// data, label and target under the same alias.
func spaceIdentity(s *results.SpaceRef) string {
	return strings.Join([]string{s.Alias, s.Name, optionText(s.Options), s.Label, s.Target, short(s.Digest)}, "\x00")
}

// variant returns a text that two references share if they mean the same
// predictor with the same options under the same alias, whatever its version.
// A predictor that is known by its file's hash is the same by any path.
func variant(p *results.PredictorRef) string {
	name := p.Name
	if strings.HasPrefix(p.Identity, "sha256:") {
		name = ""
	}
	return strings.Join([]string{p.Alias, name, optionText(p.Options)}, "\x00")
}

// names gives each identity the name that tables show: its alias, and where
// identities share that, what tells them apart.
func names(aliases map[string]string) map[string]string {
	count := make(map[string]int)
	for _, alias := range aliases {
		count[alias]++
	}
	shown := make(map[string]string, len(aliases))
	for identity, alias := range aliases {
		shown[identity] = alias
		if count[alias] > 1 {
			parts := slices.DeleteFunc(strings.Split(identity, "\x00")[1:], func(s string) bool { return s == "" })
			if len(parts) > 0 {
				shown[identity] = alias + " (" + strings.Join(parts, ", ") + ")"
			}
		}
	}
	return shown
}

// optionText returns options in their order on the command line's form.
func optionText(options map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(options)) {
		parts = append(parts, name+"="+options[name])
	}
	return strings.Join(parts, ":")
}

// short cuts a digest to twelve digits, enough to tell files apart by eye.
func short(digest string) string { return digest[:min(len(digest), 12)] }

// byOrder compares two aliases by their places in order, those without one
// last and by the alphabet.
func byOrder(order []string, a, b string) int {
	place := func(alias string) int {
		if i := slices.Index(order, alias); i >= 0 {
			return i
		}
		return len(order)
	}
	return cmp.Or(place(a)-place(b), strings.Compare(a, b))
}

// newGroup makes one group of its trials.
func newGroup(name string, protocol Protocol, trials []*results.Record, o Options, level float64) Group {
	g := Group{
		Name: name, Space: trials[0].Space, Protocol: protocol,
		TestRows: [2]int{math.MaxInt, 0},
	}
	if o.Facts != nil {
		g.Facts = o.Facts(g.Space)
	}
	rows := make(map[string]*Row) // by variant
	aliases := make(map[string]string)
	splits, repeats, budgets := make(map[int]bool), make(map[int]bool), make(map[int]bool)
	// The metrics of predictors that predict labels, and of those that don't.
	metrics := map[bool]map[string]bool{true: {kendallTau: true}, false: {kendallTau: true}}
	for _, r := range trials {
		identity := variant(&r.Predictor)
		if rows[identity] == nil {
			rows[identity] = &Row{Predictor: r.Predictor, impute: o.Impute}
			aliases[identity] = r.Predictor.Alias
		}
		rows[identity].Trials = append(rows[identity].Trials, r)
		splits[r.Split], repeats[r.Repeat], budgets[r.Budget] = true, true, true
		g.TestRows[0], g.TestRows[1] = min(g.TestRows[0], r.TestRows), max(g.TestRows[1], r.TestRows)
		for m := range r.Metrics {
			metrics[r.Predictor.PredictsLabels][m] = true
		}
	}
	g.Splits, g.Repeats = len(splits), len(repeats)
	g.Budgets = slices.Sorted(maps.Keys(budgets))
	shown := names(aliases)
	order := slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		return cmp.Or(byOrder(o.Predictors, aliases[a], aliases[b]), strings.Compare(a, b))
	})
	for _, identity := range order {
		row := rows[identity]
		row.Name = shown[identity]
		row.Transductive = row.Predictor.SeesUnlabelled() && protocol.Pool == "all"
		if row.Transductive {
			row.Name += " (transductive)"
		}
		row.fill(g.Budgets, metrics[row.Predictor.PredictsLabels], level)
		g.Rows = append(g.Rows, *row)
	}
	g.stand(kendallTau)
	g.stand(top5)
	if o.Baseline != "" {
		g.compareWith(o.Baseline, level)
	}
	if o.Published != nil {
		g.publish(o.Published)
	}
	g.Notes = notes(&g)
	if o.Over != "" {
		g.gainOver(o.Over)
	}
	if o.Newest != nil {
		for i := range g.Rows {
			p := &g.Rows[i].Predictor
			_, version, ok := strings.Cut(strings.TrimPrefix(p.Identity, "builtin:"), "@")
			if now := o.Newest(p); ok && now != 0 && version != strconv.Itoa(now) {
				g.Notes = append(g.Notes, fmt.Sprintf("%s: its trials are of version %s of the predictor, which is now at version %d.", g.Rows[i].Name, version, now))
			}
		}
	}
	return g
}

// publish puts published figures beside the group's cells.
func (g *Group) publish(figures func(results.SpaceRef, results.PredictorRef, int) []published.Figure) {
	differs := g.Protocol.Test > 0 || g.Protocol.Splits != ""
	for i := range g.Rows {
		for b := range g.Rows[i].Cells {
			cell := &g.Rows[i].Cells[b]
			for _, f := range figures(g.Space, g.Rows[i].Predictor, cell.Budget) {
				cell.Published = append(cell.Published, Published{f, differs || !f.Compares(g.Protocol.Preset, g.Facts.Rows)})
			}
			// What compares comes first.
			slices.SortStableFunc(cell.Published, func(a, b Published) int {
				switch {
				case a.Differs == b.Differs:
					return 0
				case b.Differs:
					return -1
				}
				return 1
			})
		}
	}
}

// fill computes the row's cells from its trials, which it sorts.
func (row *Row) fill(budgets []int, metrics map[string]bool, level float64) {
	slices.SortStableFunc(row.Trials, func(a, b *results.Record) int {
		return cmp.Or(a.Budget-b.Budget, a.Split-b.Split, a.Repeat-b.Repeat)
	})
	for _, budget := range budgets {
		cell := Cell{Budget: budget, Metrics: make(map[string]stat.Summary), Standings: make(map[string]Standing)}
		trials := row.trials(budget)
		cell.Trials = len(trials)
		for _, r := range trials {
			if r.Failure != nil {
				cell.Failed++
				if r.Failure.Unsupported {
					cell.Unsupported++
				}
			}
		}
		if len(trials) > 0 {
			for m := range metrics {
				cell.Metrics[m] = stat.Summarize(row.values(trials, m))
			}
			for _, m := range costs() {
				cell.Metrics[m] = stat.Summarize(row.values(trials, m))
			}
		}
		row.Cells = append(row.Cells, cell)
	}
	row.Reach = stat.Reach(row.curve(), level, fixedGenerator())
}

// lacks says how many of the cell's trials have no figures, which must be some,
// and whether they failed or were not supported; things is what it calls them,
// or "".
func (c *Cell) lacks(things string) string {
	of := strings.TrimRight(fmt.Sprintf(" of %d %s", c.Trials, things), " ")
	switch failed := c.Failed - c.Unsupported; {
	case c.Unsupported == c.Trials:
		return "not supported"
	case failed == 0:
		return strconv.Itoa(c.Unsupported) + of + " not supported"
	case c.Unsupported == 0:
		return strconv.Itoa(failed) + of + " failed"
	default:
		return fmt.Sprintf("%d%s failed, %d not supported", failed, of, c.Unsupported)
	}
}

// trials returns the row's trials with a budget.
func (row *Row) trials(budget int) []*results.Record {
	from, _ := slices.BinarySearchFunc(row.Trials, budget, func(r *results.Record, b int) int { return r.Budget - b })
	to, _ := slices.BinarySearchFunc(row.Trials, budget+1, func(r *results.Record, b int) int { return r.Budget - b })
	return row.Trials[from:to]
}

// values returns one metric or cost of trials, imputed where that is asked.
func (row *Row) values(trials []*results.Record, name string) []stat.Trial {
	vs := make([]stat.Trial, len(trials))
	for i, r := range trials {
		vs[i] = stat.Trial{Split: r.Split, Failed: r.Failure != nil}
		if r.Failure == nil {
			vs[i].Value = figure(r, name)
		}
	}
	if name == kendallTau && row.impute != nil {
		vs, _ = stat.Impute(vs, *row.impute)
	}
	return vs
}

// imputed counts the row's trials whose Kendall tau is imputed.
func (row *Row) imputed() int {
	n := 0
	for _, r := range row.Trials {
		if row.impute != nil && (r.Failure != nil || math.IsNaN(figure(r, kendallTau))) {
			n++
		}
	}
	return n
}

// figure returns a metric or cost of a record, NaN where it is undefined.
func figure(r *results.Record, name string) float64 {
	switch name {
	case fitSeconds:
		return r.Cost.FitSeconds
	case predictSeconds:
		return r.Cost.PredictSeconds
	case cpuSeconds:
		if p := r.Cost.Pretraining; p != nil {
			return r.Cost.CPUSeconds + p.CPUSeconds
		}
		return r.Cost.CPUSeconds
	case memoryBytes:
		if p := r.Cost.Pretraining; p != nil {
			return float64(max(r.Cost.MemoryBytes, p.MemoryBytes))
		}
		return float64(r.Cost.MemoryBytes)
	}
	if v, ok := r.Metrics[name]; ok {
		return v
	}
	return math.NaN()
}

// notes gathers the group's warnings, those that many cells share in one note.
func notes(g *Group) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }

	splits := make(map[int]bool)
	overlap := 0
	platforms := make(map[string]bool)
	for _, row := range g.Rows {
		for _, cell := range row.Cells {
			if cell.Trials > 0 {
				splits[cell.Metrics[kendallTau].N] = true
			}
		}
		for _, r := range row.Trials {
			overlap = max(overlap, r.Overlap)
			platforms[r.Environment.GOOS+"/"+r.Environment.GOARCH+" "+r.Environment.Kernels] = true
		}
	}
	ns := slices.Sorted(maps.Keys(splits))
	if len(ns) > 1 {
		add("Cells rest on different numbers of splits, %d to %d.", ns[0], ns[len(ns)-1])
	}
	switch fewest := ns[0]; {
	case fewest == 1 && len(ns) == 1:
		add("One split: no intervals, and no conclusions.")
	case fewest < stat.FewSplits:
		add("%s, fewer than %d: intervals are wide.", count(fewest, "split"), stat.FewSplits)
	}
	for i := range g.Rows {
		if n := g.Rows[i].imputed(); n > 0 {
			add("%s: Kendall tau counts as %v in %d of %s that failed or leave it undefined, as asked for.",
				g.Rows[i].Name, *g.Rows[i].impute, n, count(len(g.Rows[i].Trials), "trial"))
		}
	}
	var all []*results.Record
	rows := make(map[string]int) // by warning
	for _, row := range g.Rows {
		all = append(all, row.Trials...)
		for _, w := range gather(row.Trials, warnings) {
			rows[w.text]++
		}
	}
	// A warning of every predictor is about the space or the split.
	shared := func(text string) bool { return len(g.Rows) > 1 && rows[text] == len(g.Rows) }
	for _, w := range gather(all, warnings) {
		if shared(w.text) {
			add("%s (%d of %d trials).", strings.TrimSuffix(w.text, "."), len(w.trials), len(all))
		}
	}
	for i := range g.Rows {
		row := &g.Rows[i]
		for _, cell := range row.Cells {
			if cell.Failed > 0 {
				add("%s, %d labels: %s: %s.", row.Name, cell.Budget, cell.lacks("trials"), reasons(row.trials(cell.Budget)))
			}
			for _, m := range []struct{ key, title, why string }{
				{kendallTau, "Kendall tau", ": all predictions, or all targets, are equal"}, {top5, "top-5 % accuracy", ""},
			} {
				if s := cell.Metrics[m.key]; s.Undefined > 0 {
					add("%s, %d labels: %s is undefined in %d of %d trials%s.", row.Name, cell.Budget, m.title, s.Undefined, s.Trials, m.why)
				}
			}
		}
		for _, w := range gather(row.Trials, warnings) {
			if !shared(w.text) {
				add("%s: %s (%d of %d trials).", row.Name, strings.TrimSuffix(w.text, "."), len(w.trials), len(row.Trials))
			}
		}
	}
	for _, row := range g.Rows {
		if s := pretraining(row.Trials); s != "" {
			add("%s: %s", row.Name, s)
		}
	}
	if overlap > 0 {
		add("Up to %d test rows of a trial share an identity with a training row.", overlap)
	}
	if slices.ContainsFunc(g.Rows, func(r Row) bool { return r.Transductive }) {
		add("Transductive: the predictor was shown all architectures without labels, those of the test set among them.")
	}
	list = append(list, publishedNotes(g)...)
	if len(platforms) > 1 {
		add("Trials ran on different platforms: %s.", strings.Join(slices.Sorted(maps.Keys(platforms)), ", "))
	}
	return list
}

// pretraining says what trials learned without labels and what that took, or
// nothing where none did.
func pretraining(trials []*results.Record) string {
	low, high, rows := math.Inf(1), 0.0, 0
	keys := make(map[string]bool)
	for _, r := range trials {
		if p := r.Cost.Pretraining; p != nil && r.Pretraining != nil {
			low, high, rows = min(low, p.Seconds), max(high, p.Seconds), max(rows, r.Pretraining.Rows)
			keys[r.Pretraining.Key] = true
		}
	}
	if len(keys) == 0 {
		return ""
	}
	times, took := "once", fixed(low, seconds(low))+" s"
	if len(keys) > 1 {
		times, took = fmt.Sprintf("%d times", len(keys)), fmt.Sprintf("%s to %s s each", fixed(low, seconds(low)), fixed(high, seconds(high)))
	}
	return fmt.Sprintf("pretrained without labels on %d architectures, %s, %s; CPU seconds and memory of a trial hold the whole of it, fit seconds nothing.",
		rows, times, took)
}

// publishedNotes says where published figures come from and what they don't
// compare with.
func publishedNotes(g *Group) []string {
	var list []string
	protocols, sources := make(map[string]bool), make(map[string]bool)
	for _, row := range g.Rows {
		for _, cell := range row.Cells {
			for i, p := range cell.Published {
				sources[p.Source] = true
				if p.Differs {
					protocols[cmp.Or(p.Preset, "not stated")] = true
				}
				if i > 0 {
					list = append(list, fmt.Sprintf("%s, %s: also published as %s (%s).", row.Name, count(cell.Budget, "label"), fixed(p.Tau, 3), p.Name))
				}
			}
		}
	}
	if len(sources) == 0 {
		return nil
	}
	if len(protocols) > 0 {
		s := fmt.Sprintf("%s: published under another protocol (%s): not comparable.", differs, strings.Join(slices.Sorted(maps.Keys(protocols)), ", "))
		if whole := published.Rows(g.Space.Name); whole > 0 && whole != g.Facts.Rows {
			s = fmt.Sprintf("%s: published on all %s architectures of the space, or under another protocol (%s): not comparable.",
				differs, thousands(whole), strings.Join(slices.Sorted(maps.Keys(protocols)), ", "))
		}
		list = append(list, s)
	}
	return append(list, "Published figures: "+strings.Join(slices.Sorted(maps.Keys(sources)), "; ")+".")
}

// warnings returns what a record warns of. What exactly a process left is
// another thing in each trial, and stays in the record.
func warnings(r *results.Record) []string {
	if len(r.Cost.Left) == 0 {
		return r.Warnings
	}
	return append(slices.Clone(r.Warnings), "a process left something behind, which the record names")
}

// reasons lists why trials failed, each reason once, with its splits.
func reasons(trials []*results.Record) string {
	var parts []string
	for _, why := range gather(trials, func(r *results.Record) []string {
		if r.Failure == nil {
			return nil
		}
		return []string{r.Failure.Stage + ": " + strings.TrimSuffix(r.Failure.Reason, ".")}
	}) {
		var splits []string
		for _, r := range why.trials {
			splits = append(splits, strconv.Itoa(r.Split))
		}
		parts = append(parts, fmt.Sprintf("%s (split %s)", why.text, strings.Join(slices.Compact(splits), ", ")))
	}
	return strings.Join(parts, "; ")
}

// said is a text with the trials that say it.
type said struct {
	text   string
	trials []*results.Record
}

// gather returns each different text of trials, in the order of the first
// trial that says it.
func gather(trials []*results.Record, of func(*results.Record) []string) []said {
	var all []said
	at := make(map[string]int)
	for _, r := range trials {
		for _, text := range of(r) {
			i, ok := at[text]
			if !ok {
				i = len(all)
				at[text] = i
				all = append(all, said{text: text})
			}
			if last := all[i].trials; len(last) == 0 || last[len(last)-1] != r {
				all[i].trials = append(all[i].trials, r)
			}
		}
	}
	return all
}
