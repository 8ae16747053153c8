package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/govqa/govqa/corpus"
	"github.com/xuri/excelize/v2"
)

// seen is everything that reading a file gave.
type seen struct {
	rows     []corpus.Row
	warnings []Warning
	mappings []Mapping
}

func (s *seen) options(o Options) Options {
	o.OnWarning = func(w Warning) { s.warnings = append(s.warnings, w) }
	o.OnMapping = func(m Mapping) { s.mappings = append(s.mappings, m) }
	return o
}

func (s *seen) draw(t testing.TB, rows iter.Seq[corpus.Row]) {
	t.Helper()
	for row := range rows {
		if (row.Record == nil) == (row.Err == nil) {
			t.Fatalf("row %d: record %v and error %v", row.N, row.Record, row.Err)
		}
		if row.Record != nil {
			if err := row.Record.Validate(); err != nil {
				t.Fatalf("row %d was yielded though %v", row.N, err)
			}
			if line, err := corpus.Marshal(row.Record); err != nil {
				t.Fatal(err)
			} else if back, err := corpus.Unmarshal(line); err != nil {
				t.Fatalf("row %d does not read back: %v", row.N, err)
			} else if again, err := corpus.Marshal(back); err != nil || !bytes.Equal(line, again) {
				t.Fatalf("row %d reads back as %s (%v), want %s", row.N, again, err, line)
			}
		}
		s.rows = append(s.rows, row)
	}
}

func (s *seen) errors() []string {
	var all []string
	for _, r := range s.rows {
		if r.Err != nil {
			all = append(all, fmt.Sprintf("%d: %v", r.N, r.Err))
		}
	}
	return all
}

func readCSV(t *testing.T, text string, o Options) *seen {
	t.Helper()
	s := new(seen)
	rows, err := ReadCSV(strings.NewReader(text), s.options(o))
	if err != nil {
		t.Fatal(err)
	}
	s.draw(t, rows)
	return s
}

// oneGuide reads a table of one guide that has to be accepted.
func oneGuide(t *testing.T, text string) (*corpus.Guide, *seen) {
	t.Helper()
	s := readCSV(t, text, Options{})
	if len(s.rows) != 1 || s.rows[0].Err != nil {
		t.Fatalf("rows = %v %v, want one guide", s.rows, s.errors())
	}
	return s.rows[0].Record.(*corpus.Guide), s
}

// cells builds a CSV table of one guide: code, name and the given columns.
func cells(pairs ...string) string {
	head, row := []string{"实施编码", "事项名称"}, []string{"A1", "身份证补领"}
	for i := 0; i < len(pairs); i += 2 {
		head = append(head, `"`+strings.ReplaceAll(pairs[i], `"`, `""`)+`"`)
		row = append(row, `"`+strings.ReplaceAll(pairs[i+1], `"`, `""`)+`"`)
	}
	return strings.Join(head, ",") + "\n" + strings.Join(row, ",") + "\n"
}

// sheetRows is one sheet of a workbook.
type sheetRows struct {
	name   string
	rows   [][]any
	merges []string
}

func workbook(t testing.TB, edit func(*excelize.File), sheets ...sheetRows) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for i, s := range sheets {
		if i == 0 {
			check(t, f.SetSheetName("Sheet1", s.name))
		} else if _, err := f.NewSheet(s.name); err != nil {
			t.Fatal(err)
		}
		for n, row := range s.rows {
			check(t, f.SetSheetRow(s.name, fmt.Sprintf("A%d", n+1), &row))
		}
		for _, m := range s.merges {
			from, to, _ := strings.Cut(m, ":")
			check(t, f.MergeCell(s.name, from, to))
		}
	}
	if edit != nil {
		edit(f)
	}
	var b bytes.Buffer
	check(t, f.Write(&b))
	return b.Bytes()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readXLSX(t *testing.T, data []byte, o Options) *seen {
	t.Helper()
	s := new(seen)
	rows, closer, err := ReadXLSX(bytes.NewReader(data), int64(len(data)), s.options(o))
	if err != nil {
		t.Fatal(err)
	}
	s.draw(t, rows)
	check(t, closer.Close())
	return s
}

func guidesOf(t *testing.T, s *seen) []*corpus.Guide {
	t.Helper()
	var all []*corpus.Guide
	for _, r := range s.rows {
		if r.Err != nil {
			t.Fatalf("row %d: %v", r.N, r.Err)
		}
		all = append(all, r.Record.(*corpus.Guide))
	}
	return all
}

func fieldErrors(err error) []string {
	var all []string
	errs := []error{err}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		errs = j.Unwrap()
	}
	for _, e := range errs {
		if fe, ok := errors.AsType[*corpus.FieldError](e); ok {
			all = append(all, fe.Field)
		}
	}
	slices.Sort(all)
	return all
}

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
