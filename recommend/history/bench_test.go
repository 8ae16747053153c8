package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govqa/govqa/recommend"
)

// benchEvents is how many events the request benchmark stores first; the
// figures of docs/recommend.md are of GOVQA_BENCH_EVENTS=1000000.
func benchEvents() int {
	if n, err := strconv.Atoi(os.Getenv("GOVQA_BENCH_EVENTS")); err == nil {
		return n
	}
	return 50_000
}

// load makes events of n/10 people over n/20 matters: a person walks on from
// matter to near matter, some matters far more often than others.
func load(rng *rand.Rand, n, i int) Event {
	people, matters := max(n/10, 10), max(n/20, 10)
	person := i % people
	start := int(rand.NewZipf(rand.New(rand.NewPCG(uint64(person), 7)), 1.05, 20, uint64(matters-1)).Uint64())
	matter := (start + (i/people)*3 + rng.IntN(8)) % matters
	e := did(fmt.Sprint("p", person), fmt.Sprint("m", matter), "finish", 0)
	e.Time = today.Add(-time.Duration(n-i) * time.Minute / 2)
	e.ID = strconv.Itoa(i)
	return e
}

// BenchmarkIngestBatch stores batches of a thousand; events/s are durable.
func BenchmarkIngestBatch(b *testing.B) {
	s := open(b, b.TempDir())
	rng := rand.New(rand.NewPCG(1, 1))
	i := 0
	for b.Loop() {
		batch := make([]Event, 1000)
		for j := range batch {
			batch[j] = load(rng, 1_000_000, i)
			i++
		}
		if r, err := s.Append(context.Background(), batch); err != nil || r.Accepted != len(batch) {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkIngestSingle stores one event a call from 64 clients.
func BenchmarkIngestSingle(b *testing.B) {
	s := open(b, b.TempDir())
	var next atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		rng := rand.New(rand.NewPCG(2, 2))
		for pb.Next() {
			if _, err := s.Append(context.Background(), []Event{load(rng, 1_000_000, int(next.Add(1)))}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(next.Load())/b.Elapsed().Seconds(), "events/s")
}

// fill stores the events of the request benchmark.
func fill(b *testing.B, s *Store) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	n := benchEvents()
	for i := 0; i < n; {
		var batch []Event
		for ; len(batch) < 2000 && i < n; i++ {
			batch = append(batch, load(rng, n, i))
		}
		if _, err := s.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	b.Logf("%+v; heap %d MB", s.Model().Size(), mem.HeapAlloc>>20)
}

// BenchmarkRequest asks for a list as production does: profile, history,
// every source, rules and reasons.
func BenchmarkRequest(b *testing.B) {
	s := open(b, b.TempDir())
	fill(b, s)
	people := s.Model().Size().People
	blend := recommend.NewBlend(s.Model(), nil, recommend.Defaults())
	rules := recommend.Rules{Model: s.Model(), Catalogue: func(code string) (recommend.Item, bool) {
		return recommend.Item{Code: code, Name: code, InForce: true}, true
	}}
	var took []time.Duration
	i := 0
	for b.Loop() {
		start := time.Now()
		i++
		key, _, events, err := s.Personal(context.Background(), fmt.Sprint("p", (i*7919)%people), 50)
		if err != nil {
			b.Fatal(err)
		}
		q := recommend.Query{Person: key, Steps: Steps(events), Region: "440106", Now: today}
		if len(rules.Suggest(blend, &q, 10)) == 0 {
			b.Fatal("nothing suggested")
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}
