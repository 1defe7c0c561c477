//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// A row is one figure, as it goes into the file.
type row struct {
	Name     string   `json:"name"`
	Value    float64  `json:"value"`
	Unit     string   `json:"unit"`
	Baseline *float64 `json:"baseline"` // null: compared with nothing
	Ratio    *float64 `json:"ratio"`    // Value to Baseline
	Goal     string   `json:"goal"`     // empty: shown for what it is
	Met      *bool    `json:"met"`      // null: no goal
}

// table prints rows as they come and keeps them for the file.
type table struct {
	out    io.Writer
	rows   []row
	missed int
}

func newTable(out io.Writer) *table { return &table{out: out} }

func (t *table) section(name string) {
	fmt.Fprintf(t.out, "\n%-42s %12s %-7s %12s %7s  %s\n", name, "value", "unit", "baseline", "ratio", "goal")
}

// A goal says what a figure has to be.
type goal struct {
	text string
	met  func(r row) bool
}

func ratioAtLeast(x float64) goal {
	return goal{fmt.Sprintf("ratio >= %g", x), func(r row) bool { return *r.Ratio >= x }}
}

func ratioAtMost(x float64) goal {
	return goal{fmt.Sprintf("ratio <= %g", x), func(r row) bool { return *r.Ratio <= x }}
}

func atMost(x float64, unit string) goal {
	return goal{fmt.Sprintf("<= %g %s", x, unit), func(r row) bool { return r.Value <= x }}
}

// add adds one figure. baseline 0 means that there is none.
func (t *table) add(name string, value float64, unit string, baseline float64, g goal) {
	r := row{Name: name, Value: value, Unit: unit, Goal: g.text}
	base, ratio := "", ""
	if baseline != 0 {
		r.Baseline, r.Ratio = &baseline, new(value/baseline)
		base, ratio = figure(baseline), fmt.Sprintf("%.3f", value/baseline)
	}
	verdict := ""
	if g.met != nil {
		r.Met = new(g.met(r))
		verdict = g.text + "  met"
		if !*r.Met {
			verdict = g.text + "  MISSED"
			t.missed++
		}
	}
	t.rows = append(t.rows, r)
	fmt.Fprintf(t.out, "%-42s %12s %-7s %12s %7s  %s\n", name, figure(value), unit, base, ratio, verdict)
}

func figure(v float64) string {
	if v >= 1000 || v == float64(int(v)) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (t *table) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(t.rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

func (t *table) close(path string) {
	fmt.Fprintf(t.out, "\n%d figures, %d goals missed; the rows are in %s\n", len(t.rows), t.missed, path)
}

// median of values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if mid := len(sorted) / 2; len(sorted)%2 == 1 {
		return sorted[mid]
	} else {
		return (sorted[mid-1] + sorted[mid]) / 2
	}
}
