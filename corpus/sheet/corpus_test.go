package sheet

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/govqa/govqa/corpus"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// TestPublishedGuides writes published guides as a department exports them,
// GB18030 with Chinese headers and list cells, and reads them back.
func TestPublishedGuides(t *testing.T) {
	f, err := os.Open("../../../shared/data/guangdong/guides.jsonl")
	if os.Getenv("CI") == "true" || err != nil {
		t.Skipf("published guides not at hand: %v", err)
	}
	defer f.Close()
	want := map[string]*corpus.Guide{}
	var text bytes.Buffer
	w := csv.NewWriter(simplifiedchinese.GB18030.NewEncoder().Writer(&text))
	check(t, w.Write([]string{"实施编码", "事项名称", "受理条件", "法定办结时限", "承诺办结时限", "申请材料"}))
	for row := range corpus.ReadJSONL(f) {
		check(t, row.Err)
		g := row.Record.(*corpus.Guide)
		want[g.Code] = g
		check(t, w.Write([]string{g.Code, g.Name, g.Condition, limitCell(g.LegalLimit), limitCell(g.PromisedLimit), materialCell(g.Materials)}))
	}
	w.Flush()
	check(t, w.Error())

	s := readCSV(t, text.String(), Options{})
	for _, g := range guidesOf(t, s) {
		o := want[g.Code]
		diff(t, g.Code+" limits", []*corpus.Limit{g.LegalLimit, g.PromisedLimit}, []*corpus.Limit{o.LegalLimit, o.PromisedLimit})
		if len(g.Materials) != len(o.Materials) {
			t.Errorf("%s: %d materials, want %d: %v", g.Code, len(g.Materials), len(o.Materials), g.Materials)
		}
	}
	if len(s.rows) != len(want) || len(s.warnings) > 0 {
		t.Errorf("%d rows and %d warnings, want %d and none", len(s.rows), len(s.warnings), len(want))
	}
}

func limitCell(l *corpus.Limit) string {
	switch {
	case l == nil:
		return "暂无"
	case l.Unit == "即办":
		return "即办"
	case l.Note != "":
		return fmt.Sprintf("%d%s（%s）", l.N, l.Unit, l.Note)
	}
	return fmt.Sprintf("%d%s", l.N, l.Unit)
}

func materialCell(ms []corpus.Material) string {
	var b bytes.Buffer
	for i, m := range ms {
		fmt.Fprintf(&b, "%d.%s；\n", i+1, m.Name)
	}
	return b.String()
}

// manyRows is a CSV of any length that is nowhere in memory.
type manyRows struct {
	n, end int
	left   []byte
}

func (r *manyRows) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		if r.n == r.end {
			return 0, io.EOF
		}
		r.left = append(r.left, "A"+strconv.Itoa(r.n)+",身份证补领,年满16周岁\n"...)
		if r.n == 0 {
			r.left = append([]byte("实施编码,事项名称,受理条件\n"), r.left...)
		}
		r.n++
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

func TestMemoryDoesNotGrowWithRows(t *testing.T) {
	const rows, grain = 20_000, 5_000
	got, err := ReadCSV(&manyRows{end: rows}, Options{})
	check(t, err)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n, first := 0, uint64(0)
	for row := range got {
		check(t, row.Err)
		if n++; n == grain {
			first = heap()
		}
	}
	if n != rows {
		t.Fatalf("%d rows, want %d", n, rows)
	}
	if last := heap(); last > first+1<<20 {
		t.Errorf("heap grew from %d to %d bytes over %d rows", first, last, rows-grain)
	}
}
