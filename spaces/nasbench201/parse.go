package nasbench201

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/hypernas/hypernas/internal/naslib"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/pickle"
	"github.com/hypernas/hypernas/spaces/registry"
)

// Names of the files in the registry's set.
const (
	csvName    = "nats_bench.csv"
	zipName    = "zen.zip"
	pickleName = "metric_vals.pkl"
)

// zipLimit bounds what the zip file may expand to; upstream's has 6.9 MB.
const zipLimit = 64 << 20

// maxRuns is how many training seeds a cell has at most.
const maxRuns = 3

// ErrMalformed is what errors about files of the wrong form wrap.
var ErrMalformed = errors.New("malformed file")

// parse reads the files. They may hold any of the cells, but all of them the
// same; that upstream's files are whole follows from their checksums.
func parse(f files) (*table, error) {
	t, err := parseCSV(f.csv)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, csvName, err)
	}
	if err := t.addZip(f.zip); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, zipName, err)
	}
	t.runs = make([][][]float64, len(datasets()))
	if f.pickle != nil {
		if err := t.addPickle(f.pickle); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, pickleName, err)
		}
	}
	return t, nil
}

// parseCSV reads the test accuracies.
func parseCSV(data []byte) (*table, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	names := []string{"ArchitectureString", "CIFAR10TestAccuracy200Epochs", "CIFAR100TestAccuracy200Epochs", "ImageNetTestAccuracy200Epochs"}
	columns := make([]int, len(names))
	for i, name := range names {
		if columns[i] = slices.Index(head, name); columns[i] < 0 {
			return nil, fmt.Errorf("line 1: no column %s", name)
		}
	}
	t := &table{row: make(map[nb201.Cell]int), test: make([][]float64, len(datasets()))}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // says the line
		}
		line, _ := r.FieldPos(0)
		cell, err := nb201.Parse(record[columns[0]])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if _, ok := t.row[cell]; ok {
			return nil, fmt.Errorf("line %d: cell %v a second time", line, cell)
		}
		t.row[cell] = len(t.cells)
		t.cells = append(t.cells, cell)
		for i, column := range columns[1:] {
			value, err := strconv.ParseFloat(record[column], 64)
			if err != nil || !isAccuracy(value) {
				return nil, fmt.Errorf("line %d: %s is %q, want an accuracy in per cent", line, names[1+i], record[column])
			}
			t.test[i] = append(t.test[i], value)
		}
	}
	if len(t.cells) == 0 {
		return nil, errors.New("line 1: no cells follow")
	}
	return t, nil
}

// isAccuracy reports whether x is from 0 to 100 per cent.
func isAccuracy(x float64) bool { return x >= 0 && x <= 100 }

// addZip reads validation accuracies and Zen scores. Rows carry an index of
// their own, which is not NATS-Bench's, so they are told by architecture.
func (t *table) addZip(data []byte) error {
	for range datasets() {
		values, scores := make([]float64, len(t.cells)), make([]float64, len(t.cells))
		for row := range values {
			values[row] = math.NaN()
		}
		t.validation, t.zen = append(t.validation, values), append(t.zen, scores)
	}
	err := registry.Zip(data, zipLimit, func(name string, body []byte) error {
		space, dataset, err := naslib.ParseName(name)
		if err != nil {
			return err
		}
		i := slices.Index([]string{"cifar10", "cifar100", "ImageNet16-120"}, dataset)
		if space != "nasbench201" || i < 0 {
			return fmt.Errorf("it is about %s on %s, want nasbench201 on cifar10, cifar100 or ImageNet16-120", space, dataset)
		}
		rows, err := naslib.ParseRows(body, nb201.NumEdges, nb201.NumOps)
		if err != nil {
			return err
		}
		for k := range rows {
			cell := naslibCell(rows[k].Ops)
			row, ok := t.row[cell]
			switch {
			case !ok:
				return fmt.Errorf("row %d: cell %v is not in %s", k, cell, csvName)
			case !math.IsNaN(t.validation[i][row]):
				return fmt.Errorf("row %d: cell %v a second time", k, cell)
			case !isAccuracy(rows[k].Validation):
				return fmt.Errorf("row %d: val_accuracy is %v, want an accuracy in per cent", k, rows[k].Validation)
			}
			t.validation[i][row], t.zen[i][row] = rows[k].Validation, rows[k].Zen
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, d := range datasets() {
		if row := slices.IndexFunc(t.validation[i], math.IsNaN); row >= 0 {
			return fmt.Errorf("no row of cell %v on %s", t.cells[row], d.name)
		}
	}
	return nil
}

// naslibCell returns the cell of NASLib's six numbers: of the edges 0-1, 0-2,
// 0-3, 1-2, 1-3, 2-3, in its own order of operations.
func naslibCell(ops []int) nb201.Cell {
	names := [nb201.NumOps]nb201.Op{nb201.Skip, nb201.None, nb201.Conv3x3, nb201.Conv1x1, nb201.AvgPool3x3}
	var cell nb201.Cell
	for i, at := range [nb201.NumEdges]int{0, 1, 3, 2, 4, 5} {
		cell[at] = names[ops[i]]
	}
	return cell
}

// addPickle reads the accuracies of single runs. The file has one entry for
// each cell and seed, in NATS-Bench's order, and names neither: a cell's
// entries are those that agree in run time and size. The size is the number of
// parameters in millions, which shows whether the rows are the right ones; for
// 150 cells upstream's is that of another cell (docs/nasbench201.md), so up to
// one in fifty may differ.
func (t *table) addPickle(data []byte) error {
	all, err := pickle.FloatArrays(data)
	if err != nil {
		return err
	}
	for i, name := range []string{"cifar10", "cifar100", "imagenet"} {
		t.runs[i], err = t.singleRuns(datasets()[i], all[name]["loss"], all[name]["runtime"], all[name]["size_in_mb"])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// singleRuns returns the accuracies of each run, NaN where a cell has fewer.
func (t *table) singleRuns(d images, losses, times, sizes []float64) ([][]float64, error) {
	if len(losses) == 0 || len(times) != len(losses) || len(sizes) != len(losses) {
		return nil, fmt.Errorf("%d losses, %d run times and %d sizes, want as many of each", len(losses), len(times), len(sizes))
	}
	runs := make([][]float64, maxRuns)
	row, run, foreign := -1, 0, 0
	for k := range losses {
		if k == 0 || times[k] != times[k-1] || sizes[k] != sizes[k-1] {
			row, run = row+1, 0
			if row >= len(t.cells) {
				return nil, fmt.Errorf("entry %d begins a cell more than the %d of %s", k, len(t.cells), csvName)
			}
			params, _ := cost(t.cells[row], d)
			if math.Abs(1e6*sizes[k]-float64(params)) > 0.5 {
				foreign++
			}
			if foreign > len(t.cells)/50 {
				return nil, fmt.Errorf("entry %d has a size of %v, want the %d parameters of cell %v; %d entries so far have another cell's",
					k, sizes[k], params, t.cells[row], foreign)
			}
			for r := range runs {
				runs[r] = append(runs[r], math.NaN())
			}
		}
		if run == maxRuns {
			return nil, fmt.Errorf("entry %d is run %d of cell %v, want up to %d", k, run+1, t.cells[row], maxRuns)
		}
		if !isAccuracy(100 - losses[k]) {
			return nil, fmt.Errorf("entry %d has a loss of %v, want 0 to 100", k, losses[k])
		}
		runs[run][row] = 100 - losses[k]
		run++
	}
	if row+1 != len(t.cells) {
		return nil, fmt.Errorf("entries of %d cells, want %d as in %s", row+1, len(t.cells), csvName)
	}
	return runs, nil
}
