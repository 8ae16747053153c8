package eval

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/govqa/govqa/recommend"
)

// readEvents reads "user⇥item⇥time" lines. A first line whose time is none is
// a heading. Events of one time keep the order of the file; one that stands
// there twice counts once.
func readEvents(path string) (Events, error) {
	f, err := os.Open(path)
	if err != nil {
		return Events{}, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer f.Close()
	var e Events
	users, items := map[string]int{}, map[string]uint32{}
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 1<<16), 1<<20)
	for n := 1; sc.Scan(); n++ {
		if strings.TrimSpace(sc.Text()) == "" {
			continue
		}
		cols := strings.Split(sc.Text(), "\t")
		if len(cols) < 3 {
			return e, fmt.Errorf("%w: %s:%d: want user, item and time", ErrFolder, path, n)
		}
		at, err := parseTime(cols[2])
		if err != nil {
			if n == 1 {
				continue
			}
			return e, fmt.Errorf("%w: %s:%d: %w", ErrFolder, path, n, err)
		}
		u, ok := users[cols[0]]
		if !ok {
			u = len(e.histories)
			users[cols[0]] = u
			e.histories = append(e.histories, nil)
		}
		item, ok := items[cols[1]]
		if !ok {
			item = uint32(len(e.names))
			items[cols[1]] = item
			e.names = append(e.names, cols[1])
		}
		e.histories[u] = append(e.histories[u], recommend.Visit{At: at, Matter: item, Act: recommend.ActFinish})
	}
	if err := sc.Err(); err != nil {
		return e, fmt.Errorf("%w: %s: %w", ErrFolder, path, err)
	}
	for u, h := range e.histories {
		slices.SortStableFunc(h, func(a, b recommend.Visit) int { return cmp.Compare(a.At, b.At) })
		e.histories[u] = slices.Compact(h)
		e.Events += len(e.histories[u])
	}
	e.Users, e.Items = len(e.histories), len(e.names)
	if e.Events == 0 {
		return e, fmt.Errorf("%w: %s: %w", ErrFolder, path, errNoEvents)
	}
	return e, nil
}

// parseTime reads Unix seconds, a position, or a date.
func parseTime(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return int64(math.Floor(f)), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, fmt.Errorf("time %q", s)
}

// neighbours is the item-kNN of the textbook: the cosine of who met two
// items, over the whole history, each older item weighing recency times the
// next newer one.
func neighbours(s *split, recency float64) ranker {
	n := make([]float64, len(s.events.names))
	rows := make([]map[uint32]float64, len(n))
	for u := range s.events.histories {
		h := distinct(s.history(u))
		for _, a := range h {
			n[a]++
			if rows[a] == nil {
				rows[a] = map[uint32]float64{}
			}
			for _, b := range h {
				if a != b {
					rows[a][b]++
				}
			}
		}
	}
	type neighbour struct {
		item uint32
		like float64
	}
	near := make([][]neighbour, len(n))
	for a, row := range rows {
		for b, c := range row {
			near[a] = append(near[a], neighbour{b, c / math.Sqrt(n[a]*n[b])})
		}
		rows[a] = nil
	}
	var pool sync.Pool
	pool.New = func() any { return new([]float64) }
	return func(u int) []recommend.Candidate {
		buf := pool.Get().(*[]float64)
		defer pool.Put(buf)
		if len(*buf) < len(n) {
			*buf = make([]float64, len(n))
		}
		scores := *buf
		clear(scores)
		g := 1.0
		h := s.history(u)
		for i := len(h) - 1; i >= 0 && g > 1e-4; i-- {
			for _, b := range near[h[i].Matter] {
				scores[b.item] += g * b.like
			}
			g *= recency
		}
		var list []recommend.Candidate
		for b, score := range scores {
			if score > 0 {
				list = append(list, recommend.Candidate{Code: s.events.names[b], Score: score})
			}
		}
		return list
	}
}

func distinct(h []recommend.Visit) []uint32 {
	var list []uint32
	for _, v := range h {
		if !slices.Contains(list, v.Matter) {
			list = append(list, v.Matter)
		}
	}
	return list
}

// tuneHistories is how many histories the parameters are chosen on.
const tuneHistories = 3000

// A knob is a parameter and the values that are tried.
type knob struct {
	set    func(*recommend.Params, float64)
	get    func(*recommend.Params) float64
	values []float64
	counts bool // whether the model must be counted again
}

func knobs() []knob {
	return []knob{
		{func(p *recommend.Params, v float64) { p.Gap = v }, func(p *recommend.Params) float64 { return p.Gap }, []float64{.8, .9, .97}, true},
		{func(p *recommend.Params, v float64) { p.Window = int(v) }, func(p *recommend.Params) float64 { return float64(p.Window) }, []float64{4, 15, 40}, true},
		{func(p *recommend.Params, v float64) { p.Recency = v }, func(p *recommend.Params) float64 { return p.Recency }, []float64{.4, .6, .75, .9}, false},
		{func(p *recommend.Params, v float64) { p.Target, p.PeerTarget = v, v }, func(p *recommend.Params) float64 { return p.Target }, []float64{.1, .3, .45}, false},
		{func(p *recommend.Params, v float64) { p.Peers = v }, func(p *recommend.Params) float64 { return p.Peers }, []float64{.25, .5, 1, 2}, false},
		{func(p *recommend.Params, v float64) { p.Second = v }, func(p *recommend.Params) float64 { return p.Second }, []float64{0, .2, .5}, false},
		{func(p *recommend.Params, v float64) { p.PeerBack = v }, func(p *recommend.Params) float64 { return p.PeerBack }, []float64{.1, .3, .7}, false},
	}
}

// tune chooses each parameter in turn on the second-last events: the model
// knows neither the last event of any history nor the second-last.
func (r *RecommendReport) tune(ctx context.Context, o RecommendOptions) error {
	s := leaveOut(&r.Set, 2, tuneHistories)
	s.users = slices.DeleteFunc(s.users, func(u int) bool { return len(s.history(u)) == 0 })
	if r.TuneHistories = len(s.users); r.TuneHistories == 0 {
		return nil
	}
	now := r.Set.now()
	best, bestScore := r.Params, -1.0
	m := s.model(best)
	try := func(p recommend.Params, m *recommend.Model) error {
		got, err := s.measure(ctx, s.ranker(blendOf(m, p), now), RecommendOptions{K: o.K, Repeats: o.Repeats})
		if err != nil {
			return err
		}
		r.Tuned++
		gains := make([][3]float64, len(got.list))
		for i, x := range got.list {
			gains[i] = x.gains(o.K)
		}
		if score := mean(gains, 0) + 2*mean(gains, 1); score > bestScore+1e-9 {
			best, bestScore = p, score
		}
		return nil
	}
	if err := try(best, m); err != nil {
		return err
	}
	for _, k := range knobs() {
		from := best
		for _, v := range k.values {
			if v == k.get(&from) {
				continue
			}
			p, counted := from, m
			k.set(&p, v)
			if k.counts {
				counted = s.model(p)
			}
			if err := try(p, counted); err != nil {
				return err
			}
		}
		if k.counts && k.get(&best) != k.get(&from) {
			m = s.model(best)
		}
	}
	r.Params = best
	return nil
}

// prequential predicts each event from those before it, and then learns it:
// no figure rests on what came later, in anybody's history.
func prequential(ctx context.Context, e *Events, p recommend.Params, o RecommendOptions) (Figures, error) {
	type event struct {
		u int
		v recommend.Visit
	}
	var all []event
	for u, h := range e.histories {
		for _, v := range h {
			all = append(all, event{u, v})
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.v.At, b.v.At) })
	m := recommend.NewModel(p)
	for _, name := range e.names {
		m.Matter(name)
	}
	blend := blendOf(m, p)
	got := outcomes{shown: map[string]bool{}}
	past := split{events: &Events{names: e.names, histories: make([][]recommend.Visit, len(e.histories))}}
	for i, ev := range all {
		if ctx.Err() != nil {
			return Figures{}, ctx.Err()
		}
		if h := past.events.histories[ev.u]; len(h) > 0 {
			seen := map[string]bool{}
			for _, v := range h {
				seen[e.itemName(v)] = !o.Repeats
			}
			list := blend.Rank(past.query(ev.u, time.Unix(ev.v.At, 0).UTC()))
			got.list = append(got.list, outcome{len(h), place(list, e.itemName(ev.v), seen, o.K, got.shown)})
		}
		m.Add(personKey(ev.u), ev.v)
		past.events.histories[ev.u] = append(past.events.histories[ev.u], ev.v)
		if o.Progress != nil && i%1000 == 0 {
			o.Progress(i)
		}
	}
	return got.figures(func(int) bool { return true }, o, e.Items), nil
}
