package eval

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/govqa/govqa/recommend"
)

// RecommendOptions say how to measure.
type RecommendOptions struct {
	K           int       // length of the lists; 0 means 10
	Repeats     bool      // whether what somebody has met may be suggested again
	Prequential bool      // predict each event from those before it, then learn it
	Untuned     bool      // take production's parameters as they are
	Progress    func(int) // gets the number of histories done; may be nil
}

// Figures are what one method reached.
type Figures struct {
	N        int
	HR       float64 // share of histories whose target stands in the first K
	NDCG     float64
	MRR      float64
	Coverage float64    // share of all items that stand in somebody's first K
	HR95     [2]float64 // bootstrap interval
	NDCG95   [2]float64
}

// A RecommendReport holds the figures of the model that serves, of the
// methods that it must beat, and of histories by their length.
type RecommendReport struct {
	K                    int
	Set                  Events
	Headline             Figures
	Names                []string // of the baselines, in the order of the report
	Baselines            map[string]Figures
	Lengths              map[string]Figures // by events in the history: 0, 1, 2-3, 4+
	Prequential          *Figures           // nil if it was not asked for
	P50, P99             float64            // ms for one list
	Params               recommend.Params
	Tuned, TuneHistories int // parameter sets tried, and the histories they were tried on
}

// Events are the histories of a file.
type Events struct {
	Users, Items, Events int
	names                []string
	histories            [][]recommend.Visit
}

// itemName is what an item is called in the model.
func (e *Events) itemName(v recommend.Visit) string { return e.names[v.Matter] }

// lengthClasses are the classes of histories by length.
var lengthClasses = []string{"0", "1", "2-3", "4+"}

func lengthClass(n int) string {
	switch {
	case n == 0:
		return "0"
	case n == 1:
		return "1"
	case n <= 3:
		return "2-3"
	}
	return "4+"
}

// Recommend measures recommendation on a file of events.
func Recommend(ctx context.Context, path string, o RecommendOptions) (RecommendReport, error) {
	o.K = cmp.Or(o.K, 10)
	events, err := readEvents(path)
	if err != nil {
		return RecommendReport{}, err
	}
	r := RecommendReport{K: o.K, Set: events, Baselines: map[string]Figures{}, Lengths: map[string]Figures{}, Params: evalParams(&events)}
	if !o.Untuned {
		if err := r.tune(ctx, o); err != nil {
			return r, err
		}
	}
	if err := r.leaveLast(ctx, o); err != nil {
		return r, err
	}
	if o.Prequential {
		f, err := prequential(ctx, &events, r.Params, o)
		if err != nil {
			return r, err
		}
		r.Prequential = &f
	}
	return r, ctx.Err()
}

// evalParams are production's, with the last event of the file as today.
func evalParams(e *Events) recommend.Params {
	p := recommend.Defaults()
	p.Landmark = e.now()
	return p
}

func (e *Events) now() time.Time {
	last := int64(0)
	for _, h := range e.histories {
		if len(h) > 0 {
			last = max(last, h[len(h)-1].At)
		}
	}
	return time.Unix(last, 0).UTC()
}

// A split is the histories with their last events off: the training set, and
// whom to ask for which target.
type split struct {
	events *Events
	off    int
	users  []int
}

// leaveOut takes the last off events from each history. Histories that are
// too short train whole in nothing and are not asked.
func leaveOut(e *Events, off, limit int) split {
	s := split{events: e, off: off}
	for u, h := range e.histories {
		if len(h) >= off {
			s.users = append(s.users, u)
		}
	}
	if limit > 0 && len(s.users) > limit {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(s.users), func(i, j int) { s.users[i], s.users[j] = s.users[j], s.users[i] })
		s.users = s.users[:limit]
		slices.Sort(s.users)
	}
	return s
}

func (s *split) history(u int) []recommend.Visit {
	h := s.events.histories[u]
	return h[:max(0, len(h)-s.off)]
}

func (s *split) target(u int) recommend.Visit {
	h := s.events.histories[u]
	return h[len(h)-s.off]
}

// model counts the training set.
func (s *split) model(p recommend.Params) *recommend.Model {
	m := recommend.NewModel(p)
	for _, name := range s.events.names {
		m.Matter(name)
	}
	for u := range s.events.histories {
		if h := s.history(u); len(h) > 0 {
			m.Set(personKey(u), h)
		}
	}
	return m
}

func personKey(u int) (k recommend.PersonKey) {
	binary.BigEndian.PutUint64(k[8:], uint64(u)+1)
	return k
}

// query asks for a user as production does.
func (s *split) query(u int, now time.Time) *recommend.Query {
	q := &recommend.Query{Person: personKey(u), Now: now}
	for _, v := range slices.Backward(s.history(u)) {
		q.Steps = append(q.Steps, recommend.Step{Matter: s.events.itemName(v), At: time.Unix(v.At, 0), Act: v.Act})
	}
	return q
}

// A ranker ranks the items for a user.
type ranker func(u int) []recommend.Candidate

func (s *split) ranker(b recommend.Blend, now time.Time) ranker {
	return func(u int) []recommend.Candidate { return b.Rank(s.query(u, now)) }
}

// blendOf is production's blend; nothing is known of life events here.
func blendOf(m *recommend.Model, p recommend.Params) recommend.Blend {
	return recommend.NewBlend(m, nil, p)
}

// leaveLast measures every method on the last events.
func (r *RecommendReport) leaveLast(ctx context.Context, o RecommendOptions) error {
	s := leaveOut(&r.Set, 1, 0)
	now := r.Set.now()
	m := s.model(r.Params)
	plain := r.Params
	plain.Second, plain.Peers = 0, 0
	methods := []struct {
		name string
		rank ranker
	}{
		{"popularity", s.ranker(recommend.Blend{{Source: recommend.Popular{Model: m}, Weight: 1}}, now)},
		{"item-kNN", neighbours(&s, 1)},
		{"item-kNN recency", neighbours(&s, r.Params.Recency)},
		{"transitions", s.ranker(recommend.Blend{{Source: &recommend.Next{Model: m, Params: plain}, Weight: 1}, {Source: recommend.Popular{Model: m}, Weight: r.Params.Popular}}, now)},
	}
	for _, method := range methods {
		got, err := s.measure(ctx, method.rank, o)
		if err != nil {
			return err
		}
		r.Names = append(r.Names, method.name)
		r.Baselines[method.name] = got.figures(func(n int) bool { return n > 0 }, o, r.Set.Items)
	}
	got, err := s.measure(ctx, s.ranker(blendOf(m, r.Params), now), o)
	if err != nil {
		return err
	}
	r.Headline = got.figures(func(n int) bool { return n > 0 }, o, r.Set.Items)
	for _, class := range lengthClasses {
		f := got.figures(func(n int) bool { return lengthClass(n) == class }, o, r.Set.Items)
		f.Coverage = 0 // is of all histories together
		r.Lengths[class] = f
	}
	slices.Sort(got.took)
	r.P50, r.P99 = percentile(got.took, .5), percentile(got.took, .99)
	return nil
}

// An outcome is where one target stood; rank counts from 0, halves for ties,
// and is -1 when the target is not listed.
type outcome struct {
	length int
	rank   float64
}

// Outcomes of many histories.
type outcomes struct {
	list  []outcome
	shown map[string]bool
	took  []time.Duration
}

// measure asks for every user of the split, on all processors.
func (s *split) measure(ctx context.Context, rank ranker, o RecommendOptions) (outcomes, error) {
	all := outcomes{list: make([]outcome, len(s.users)), took: make([]time.Duration, len(s.users)), shown: map[string]bool{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			shown := map[string]bool{}
			for i := w; i < len(s.users) && ctx.Err() == nil; i += workers {
				u := s.users[i]
				start := time.Now()
				list := rank(u)
				all.took[i] = time.Since(start)
				seen := map[string]bool{}
				for _, v := range s.history(u) {
					seen[s.events.itemName(v)] = !o.Repeats
				}
				all.list[i] = outcome{len(s.history(u)), place(list, s.events.itemName(s.target(u)), seen, o.K, shown)}
				if o.Progress != nil && i%1000 == 0 {
					o.Progress(i)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(all.shown, shown)
		})
	}
	wg.Wait()
	return all, ctx.Err()
}

// place finds where the target stands among the items not seen. Items of one
// score share the middle of their places. The first k are noted as shown.
func place(list []recommend.Candidate, target string, seen map[string]bool, k int, shown map[string]bool) float64 {
	at, score := -1.0, math.Inf(-1)
	before, same := 0, 0
	for _, c := range list {
		if c.Code == target && !seen[target] {
			score = c.Score
		}
	}
	var top []recommend.Candidate
	for _, c := range list {
		if seen[c.Code] {
			continue
		}
		top = insertTop(top, c, k)
		switch {
		case c.Score > score:
			before++
		case c.Score == score:
			same++
		}
	}
	for _, c := range top {
		shown[c.Code] = true
	}
	if same > 0 && !math.IsInf(score, -1) {
		at = float64(before) + float64(same-1)/2
	}
	return at
}

// insertTop keeps the k highest of a list that need not be in order.
func insertTop(top []recommend.Candidate, c recommend.Candidate, k int) []recommend.Candidate {
	if len(top) == k && c.Score <= top[k-1].Score {
		return top
	}
	at := len(top)
	for at > 0 && top[at-1].Score < c.Score {
		at--
	}
	top = slices.Insert(top, at, c)
	return top[:min(len(top), k)]
}

// gains are HR, nDCG and MRR of one outcome.
func (x outcome) gains(k int) [3]float64 {
	if x.rank < 0 || x.rank >= float64(k) {
		return [3]float64{}
	}
	return [3]float64{1, 1 / math.Log2(x.rank+2), 1 / (x.rank + 1)}
}

// figures adds up the outcomes of histories of some lengths.
func (o *outcomes) figures(of func(length int) bool, opts RecommendOptions, items int) Figures {
	var gains [][3]float64
	for _, x := range o.list {
		if of(x.length) {
			gains = append(gains, x.gains(opts.K))
		}
	}
	f := Figures{N: len(gains), Coverage: float64(len(o.shown)) / float64(max(items, 1))}
	f.HR, f.NDCG, f.MRR = mean(gains, 0), mean(gains, 1), mean(gains, 2)
	f.HR95, f.NDCG95 = bootstrap(gains)
	return f
}

func mean(gains [][3]float64, i int) float64 {
	sum := 0.0
	for _, g := range gains {
		sum += g[i]
	}
	return sum / float64(max(len(gains), 1))
}

// draws is how many times the bootstrap draws.
const draws = 400

// bootstrap draws histories with replacement and returns the middle 95 % of
// HR and nDCG. It draws the same each time.
func bootstrap(gains [][3]float64) (hr, ndcg [2]float64) {
	if len(gains) == 0 {
		return hr, ndcg
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var hrs, ndcgs []float64
	for range draws {
		var a, b float64
		for range gains {
			g := gains[rng.IntN(len(gains))]
			a, b = a+g[0], b+g[1]
		}
		hrs, ndcgs = append(hrs, a/float64(len(gains))), append(ndcgs, b/float64(len(gains)))
	}
	slices.Sort(hrs)
	slices.Sort(ndcgs)
	low, high := draws*25/1000, draws*975/1000
	return [2]float64{hrs[low], hrs[high]}, [2]float64{ndcgs[low], ndcgs[high]}
}

// MarshalJSON writes the headline at the top level and the other methods
// under "baselines", with the keys of the contract.
func (r RecommendReport) MarshalJSON() ([]byte, error) {
	top := r.Headline.keys(r.K)
	baselines := map[string]any{}
	for name, f := range r.Baselines {
		baselines[name] = f.keys(r.K)
	}
	lengths := map[string]any{}
	for class, f := range r.Lengths {
		lengths[class] = f.keys(r.K)
	}
	top["baselines"], top["lengths"] = baselines, lengths
	top["ms p50"], top["ms p99"] = r.P50, r.P99
	top["users"], top["items"], top["events"] = r.Set.Users, r.Set.Items, r.Set.Events
	top["params"], top["tuned"] = r.Params, r.Tuned
	if r.Prequential != nil {
		top["prequential"] = r.Prequential.keys(r.K)
	}
	return json.Marshal(top)
}

func (f Figures) keys(k int) map[string]any {
	m := map[string]any{
		fmt.Sprintf("HR@%d", k): f.HR, fmt.Sprintf("nDCG@%d", k): f.NDCG, fmt.Sprintf("MRR@%d", k): f.MRR,
		"n": f.N, "HR 95%": f.HR95, "nDCG 95%": f.NDCG95,
	}
	if f.Coverage > 0 {
		m["coverage"] = f.Coverage
	}
	return m
}

// String prints the report as a table.
func (r RecommendReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d users, %d items, %d events; %d parameter sets tried on the second-last events of %d histories\n",
		r.Set.Users, r.Set.Items, r.Set.Events, r.Tuned, r.TuneHistories)
	line := func(name string, f Figures) {
		fmt.Fprintf(&b, "%-20s n=%d HR@%d=%.4f [%.4f %.4f] nDCG@%d=%.4f [%.4f %.4f] MRR@%d=%.4f",
			name, f.N, r.K, f.HR, f.HR95[0], f.HR95[1], r.K, f.NDCG, f.NDCG95[0], f.NDCG95[1], r.K, f.MRR)
		if f.Coverage > 0 {
			fmt.Fprintf(&b, " coverage=%.3f", f.Coverage)
		}
		b.WriteString("\n")
	}
	line("blend", r.Headline)
	for _, name := range r.Names {
		line(name, r.Baselines[name])
	}
	for _, class := range lengthClasses {
		line("history "+class, r.Lengths[class])
	}
	if r.Prequential != nil {
		line("prequential", *r.Prequential)
	}
	fmt.Fprintf(&b, "ms p50=%.3f p99=%.3f\n", r.P50, r.P99)
	return b.String()
}

var errNoEvents = errors.New("no events")
