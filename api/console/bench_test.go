package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// scaled returns a province's guides as scale.py makes them, or skips.
func scaled(t testing.TB, n int) string {
	t.Helper()
	script, err := filepath.Abs("../../../shared/data/scale.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil || os.Getenv("CI") == "true" {
		t.Skip("without the shared data there is no province to list")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "python3", script, strconv.Itoa(n), dir).CombinedOutput(); err != nil {
		t.Skipf("scale.py: %v %s", err, out)
	}
	return filepath.Join(dir, "guides.jsonl")
}

// BenchmarkConsole measures what an editor waits for at the pages of a
// province of 100,000 guides: go test -bench Console -benchtime 200x -run xxx
func BenchmarkConsole(b *testing.B) {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv("GOVQA_BENCH_GUIDES")); err == nil {
		n = v
	}
	path := scaled(b, n)
	x := open(b)
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := x.store.Import(b.Context(), []store.File{{Name: "scale", Rows: corpus.ReadJSONL(f)}}, store.ImportOptions{Actor: "测试"}); err != nil {
		b.Fatal(err)
	}
	if err := x.engine.Refresh(b.Context()); err != nil { // previews search for what is near
		b.Fatal(err)
	}
	editor := x.As(b, "小李", "editor", "reviewer", "publisher")
	began := time.Now()
	if r := editor.Get("/console/records?type=guide"); r.Status != http.StatusOK {
		b.Fatalf("%d %s", r.Status, said(r.Body))
	}
	b.Logf("%d guides, first list after %v", x.store.Current().Records[corpus.TypeGuide], time.Since(began).Round(time.Millisecond))
	var codes []string
	for rec, err := range x.store.All(1, corpus.TypeGuide) {
		if err != nil {
			b.Fatal(err)
		}
		if codes = append(codes, rec.Key().ID); len(codes) == 1000 {
			break
		}
	}
	for _, page := range []struct {
		name string
		path func(i int) string
	}{
		{"list", func(i int) string { return fmt.Sprintf("/console/records?type=guide&page=%d", 1+i%2000) }},
		{"filter", func(i int) string {
			return "/console/records?type=guide&force=now&q=" + url.QueryEscape([]string{"居住证", "许可", "登记 企业", "没有这个词"}[i%4])
		}},
		{"filter by region and agency", func(int) string {
			return "/console/records?type=guide&region=440100&sort=updated&agency=" + url.QueryEscape("公安")
		}},
		{"record", func(i int) string { return "/console/record?key=" + url.QueryEscape("guide/"+codes[i%len(codes)]) }},
		{"preview of an answer", func(i int) string { return "/console/preview?as=operator&key=guide/" + codes[i%len(codes)] }},
		{"preview of a page", func(i int) string { return "/console/preview?as=page&key=guide/" + codes[i%len(codes)] }},
	} {
		b.Run(page.name, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				if r := editor.Get(page.path(i)); r.Status != http.StatusOK {
					b.Fatalf("%s: %d %s", page.path(i), r.Status, said(r.Body))
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
		})
	}
}
