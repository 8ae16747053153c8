package quality

import (
	"fmt"
	"math"
)

// A chart is a picture of numbers with the same numbers as a table. Its
// template is templates/chart.html.
type chart struct {
	ID, Title  string
	Summary    string // what it shows, for those who do not see it
	Head       []string
	Rows       []chartRow
	Width      float64
	Height     float64
	Horizontal bool
	Line       bool
	Guides     []guideLine
	Path       string // of a line
}

type chartRow struct {
	Label  string
	Cells  []string // of the table, after the label
	Bars   []bar
	X, Y   float64 // of the label
	Show   bool    // the label
	Value  string  // beside a horizontal bar
	ValueX float64
}

// A bar is a part of a row's column.
type bar struct {
	Class               string
	X, Y, Width, Height float64
	Says                string
}

type guideLine struct {
	Y, X, LabelY float64
	Label        string
}

const (
	chartWidth  = 720.0
	chartHeight = 220.0
	chartLeft   = 48.0
	chartBottom = 24.0
	chartTop    = 10.0
)

// columns draws a column for each row, stacked of parts.
func columns(id, title, summary string, head, labels []string, parts [][]float64, classes []string) chart {
	c := chart{ID: id, Title: title, Summary: summary, Head: head, Width: chartWidth, Height: chartHeight}
	most := 0.0
	for i := range labels {
		sum := 0.0
		for _, p := range parts {
			sum += p[i]
		}
		most = max(most, sum)
	}
	most = c.scale(most, "%.0f")
	step := (chartWidth - chartLeft) / float64(max(1, len(labels)))
	every := max(1, len(labels)/8)
	for i, label := range labels {
		row := chartRow{Label: label, X: chartLeft + step*(float64(i)+.5), Y: chartHeight - 6, Show: i%every == 0 && i+every/2 <= len(labels)}
		floor := chartHeight - chartBottom
		for j, p := range parts {
			row.Cells = append(row.Cells, fmt.Sprintf("%.0f", p[i]))
			h := c.room() * p[i] / most
			floor -= h
			row.Bars = append(row.Bars, bar{classes[j], chartLeft + step*float64(i) + step*.1, floor, step * .8, h, fmt.Sprintf("%s %s %.0f", label, head[j+1], p[i])})
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

func (c *chart) room() float64 { return chartHeight - chartBottom - chartTop }

// scale draws lines at round numbers and returns what the top stands for.
func (c *chart) scale(most float64, format string) float64 {
	unit := 1.0
	if most > 0 {
		unit = math.Pow(10, math.Floor(math.Log10(most)))
		if format == "%.0f" {
			unit = max(1, unit)
		}
	}
	for _, m := range []float64{1, 2, 5, 10} {
		if most <= m*unit {
			unit *= m
			break
		}
	}
	for _, share := range []float64{0, .5, 1} {
		y := chartHeight - chartBottom - share*c.room()
		c.Guides = append(c.Guides, guideLine{Y: y, X: chartLeft - 6, LabelY: y + 4, Label: fmt.Sprintf(format, unit*share)})
	}
	return unit
}

// curve draws a line through the rows that have a value; NaN is none.
func curve(id, title, summary string, head, labels []string, values []float64, format string, top float64) chart {
	c := chart{ID: id, Title: title, Summary: summary, Head: head, Width: chartWidth, Height: chartHeight, Line: true}
	most := top
	if most == 0 {
		for _, v := range values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				most = max(most, v)
			}
		}
	}
	most = c.scale(most, format)
	step := (chartWidth - chartLeft) / float64(max(1, len(labels)))
	every := max(1, len(labels)/8)
	pen := "M"
	for i, label := range labels {
		row := chartRow{Label: label, X: chartLeft + step*(float64(i)+.5), Y: chartHeight - 6, Show: i%every == 0 && i+every/2 <= len(labels)}
		v := values[i]
		switch {
		case math.IsNaN(v):
			row.Cells = []string{"–"}
		default:
			row.Cells = []string{fmt.Sprintf(format, v)}
			y := chartHeight - chartBottom - c.room()*min(1, v/most)
			c.Path += fmt.Sprintf("%s%.1f %.1f ", pen, row.X, y)
			pen = "L"
			row.Bars = []bar{{"dot", row.X, y, 3, 3, label + " " + row.Cells[0]}}
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

// ranking draws a bar for each row from the left.
func ranking(id, title, summary string, head, labels []string, values []float64, show func(float64) string) chart {
	const left, line, valueRoom = 230.0, 28.0, 70.0
	c := chart{ID: id, Title: title, Summary: summary, Head: head, Width: chartWidth, Height: line*float64(max(1, len(labels))) + 8, Horizontal: true}
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	for i, label := range labels {
		y := line*float64(i) + 4
		w := 0.0
		if most > 0 {
			w = (chartWidth - left - valueRoom) * values[i] / most
		}
		text := show(values[i])
		c.Rows = append(c.Rows, chartRow{Label: label, Cells: []string{text}, X: left - 8, Y: y + 18, Show: true, Value: text, ValueX: left + w + 6,
			Bars: []bar{{"part1", left, y + 4, max(w, 1), line - 8, label + " " + text}}})
	}
	return c
}

// Short is the row's label as far as a picture has room for it.
func (r chartRow) Short() string {
	if runes := []rune(r.Label); len(runes) > 15 {
		return string(runes[:14]) + "…"
	}
	return r.Label
}

// Empty reports whether there is nothing to draw.
func (c chart) Empty() bool { return len(c.Rows) == 0 }
