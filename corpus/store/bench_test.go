package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/govqa/govqa/corpus"
)

func bg() context.Context { return context.Background() }

// sameName yields n small guides of one name.
func sameName(name string, n int) iter.Seq[corpus.Row] {
	return func(yield func(corpus.Row) bool) {
		for i := range n {
			if !yield(corpus.Row{N: i + 1, Record: guide(fmt.Sprintf("G%06d", i), name)}) {
				return
			}
		}
	}
}

// longRecords yields n guides of some 3 KB that do not compress well.
func longRecords(salt string, n int) iter.Seq[corpus.Row] {
	return func(yield func(corpus.Row) bool) {
		for i := range n {
			g := guide(fmt.Sprintf("G%06d", i), salt)
			for j := range 40 {
				h := corpus.HashOf(fmt.Append(nil, salt, i, j))
				g.Steps = append(g.Steps, fmt.Sprintf("%x", h))
			}
			if !yield(corpus.Row{N: i + 1, Record: g}) {
				return
			}
		}
	}
}

// guides yields n guides as a portal publishes them, about 1.2 KB each.
func guides(n int, version string) iter.Seq[corpus.Row] {
	text := strings.Repeat("申请人应当具备完全民事行为能力，", 10)
	return func(yield func(corpus.Row) bool) {
		for i := range n {
			g := guide(fmt.Sprintf("11440000MB2D%08d", i), fmt.Sprintf("第%d号事项%s", i, version))
			g.Condition = text
			g.Materials = []corpus.Material{{Name: "身份证", Kind: "原件"}, {Name: "申请表", Form: "纸质"}}
			g.PromisedLimit = &corpus.Limit{N: 5, Unit: "工作日"}
			g.Steps = []string{"申请", "受理", "审查", "决定", "送达"}
			if !yield(corpus.Row{N: i + 1, Record: g}) {
				return
			}
		}
	}
}

// BenchmarkImport imports 10,000 guides, new and then all changed.
func BenchmarkImport(b *testing.B) {
	const n = 10_000
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := open(b, b.TempDir())
		b.StartTimer()
		for _, version := range []string{"", "改"} {
			if _, err := s.Import(bg(), []File{{"f", guides(n, version)}}, ImportOptions{Actor: "测试"}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(2*n*b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkImportUnchanged imports what is already there.
func BenchmarkImportUnchanged(b *testing.B) {
	const n = 10_000
	s := open(b, b.TempDir())
	for b.Loop() {
		if _, err := s.Import(bg(), []File{{"f", guides(n, "")}}, ImportOptions{Actor: "测试"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, b.TempDir())
			fact := Fact{Type: "asked", Data: json.RawMessage(`{"text":"身份证丢了怎么补","outcome":"answered"}`)}
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := s.Append(bg(), ByCitizen, fact); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "facts/s")
		})
	}
}

func BenchmarkGet(b *testing.B) {
	const n = 20_000
	s := open(b, b.TempDir())
	if _, err := s.Import(bg(), []File{{"f", guides(n, "")}}, ImportOptions{Actor: "测试"}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 7919) % n
		if _, err := s.Get(key(fmt.Sprintf("11440000MB2D%08d", i))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAll(b *testing.B) {
	const n = 20_000
	s := open(b, b.TempDir())
	if _, err := s.Import(bg(), []File{{"f", guides(n, "")}}, ImportOptions{Actor: "测试"}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, err := range s.All(s.Edition(), "") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
}

func TestWritesAreRefusedBeforeTheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{Reserve: 1 << 62})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Import(bg(), []File{{"f", sameName("x", 10)}}, ImportOptions{Actor: "测试"}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("Import: %v, want ErrDiskFull", err)
	}
	if _, err := s.Append(bg(), ByCitizen, Fact{Type: "x"}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("Append: %v, want ErrDiskFull", err)
	}
	if _, err := s.SaveDraft(bg(), "编辑", Edit{Record: guide("A", "甲")}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("SaveDraft: %v, want ErrDiskFull", err)
	}
	if _, err := s.Get(key("A")); err != nil {
		t.Errorf("Get: %v", err)
	}
	mustCheck(t, s)
}
