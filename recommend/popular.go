package recommend

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

// A node is where and by whom matters are done: a county, city or province or
// the country (0), and a class.
type node struct {
	region uint32
	class  Class
}

// above returns the node and those that it lies in, the country last.
func (n node) above() []node {
	list := []node{n}
	for _, size := range [...]uint32{100, 10000, 1000000} {
		up := node{n.region / size * size, n.class}
		if up != list[len(list)-1] {
			list = append(list, up)
		}
	}
	return list
}

// A leaf counts how often one matter was done at one node, by week. Leaves
// are what is kept; the nodes above are added up from them.
type leaf struct {
	weeks []weekly
	dirty bool
}

type leafKey struct {
	node
	matter uint32
}

// A weekly counts one week.
type weekly struct{ week, n int32 }

// A tally counts all matters of a node and of those inside it.
type tally struct {
	matters map[uint32][]weekly
	changes int
}

func weekOf(at int64) int32 { return int32(at / week) }

func addWeek(weeks []weekly, w, n int32) []weekly {
	at, ok := slices.BinarySearchFunc(weeks, w, func(x weekly, w int32) int { return cmp.Compare(x.week, w) })
	if !ok {
		weeks = slices.Insert(weeks, at, weekly{week: w})
	}
	if weeks[at].n += n; weeks[at].n == 0 {
		weeks = slices.Delete(weeks, at, at+1)
	}
	return weeks
}

// tally counts a step n times, in its place and all places above.
func (m *Model) tally(s step, n int32) {
	at := node{s.region, s.class}
	key := leafKey{at, s.matter}
	l := m.leaves[key]
	if l == nil {
		l = &leaf{}
		m.leaves[key] = l
	}
	l.weeks, l.dirty = addWeek(l.weeks, weekOf(s.at), n), true
	m.tallyAbove(at, s.matter, weekly{weekOf(s.at), n})
}

func (m *Model) tallyAbove(at node, matter uint32, w weekly) {
	for _, up := range at.above() {
		t := m.nodes[up]
		if t == nil {
			t = &tally{matters: map[uint32][]weekly{}}
			m.nodes[up] = t
		}
		t.matters[matter] = addWeek(t.matters[matter], w.week, w.n)
		if len(t.matters[matter]) == 0 {
			delete(t.matters, matter)
		}
		t.changes++
	}
}

const (
	popularHalfLife = 30.0 // days after which a count weighs half
	popularWeeks    = 52   // beyond which it is not looked at
	popularShrink   = 50.0 // doings above a place that its own must outweigh
	popularSize     = 200  // matters of a list
	seasonLift      = 2.0  // times the yearly average that make a season
	seasonPeople    = 20   // doings in earlier years behind it
	seasonClosed    = 50   // doings in earlier years, none near now, that close it
	seasonNear      = 4    // weeks before and after that count as near
)

// A popularList is what is often done at a node, and what its season is, as
// of a day.
type popularList struct {
	mu       sync.Mutex
	day      int64
	changes  int
	popular  []popularity
	seasonal []popularity
}

// A popularity is how much of what is done is one matter.
type popularity struct {
	matter uint32
	share  float64
	n      int // times, over the weeks looked at
	where  uint32
	lift   float64
}

// classes lists the classes whose counts are for someone of class c.
func classes(c Class) []Class {
	if c == ClassUnknown {
		return []Class{ClassUnknown, ClassPerson, ClassLegal}
	}
	return []Class{c, ClassUnknown}
}

// list returns the list of a place, made anew when the day has changed or a
// thousandth of its counts has.
func (m *Model) list(at node, now time.Time) *popularList {
	v, _ := m.lists.LoadOrStore(at, &popularList{day: -1})
	l := v.(*popularList)
	m.mu.RLock()
	defer m.mu.RUnlock()
	changes := 0
	for _, c := range classes(at.class) {
		if t := m.nodes[node{0, c}]; t != nil {
			changes += t.changes
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	today := now.Unix() / day
	if l.day == today && changes-l.changes <= l.changes/1000 {
		return &popularList{popular: l.popular, seasonal: l.seasonal}
	}
	l.day, l.changes = today, changes
	l.popular, l.seasonal = m.popular(at, now), m.seasonal(at, now)
	return &popularList{popular: l.popular, seasonal: l.seasonal}
}

// popular ranks what is done at a place: its own shares, drawn towards those
// of the places above as long as it has few.
func (m *Model) popular(at node, now time.Time) []popularity {
	shares := map[uint32]*popularity{}
	for _, up := range slices.Backward(at.above()) {
		counts, total := map[uint32]float64{}, 0.0
		times := map[uint32]int{}
		for _, c := range classes(at.class) {
			t := m.nodes[node{up.region, c}]
			if t == nil {
				continue
			}
			for number, weeks := range t.matters {
				w, n := recent(weeks, now)
				counts[number] += w
				times[number] += n
			}
		}
		for _, number := range sortedNumbers(counts) {
			total += counts[number]
		}
		if total == 0 {
			continue
		}
		for number, p := range shares {
			p.share *= popularShrink / (total + popularShrink)
			if times[number] > 0 {
				p.where, p.n = up.region, times[number]
			}
		}
		for number, w := range counts {
			p := shares[number]
			if p == nil {
				p = &popularity{matter: number, where: up.region, n: times[number]}
				shares[number] = p
			}
			p.share += w / (total + popularShrink)
		}
	}
	list := make([]popularity, 0, len(shares))
	for _, p := range shares {
		if p.share > 0 {
			list = append(list, *p)
		}
	}
	slices.SortFunc(list, func(a, b popularity) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.matter, b.matter))
	})
	return list[:min(len(list), popularSize)]
}

func sortedNumbers[V any](m map[uint32]V) []uint32 {
	list := make([]uint32, 0, len(m))
	for n := range m {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// recent weighs the counts of the last year.
func recent(weeks []weekly, now time.Time) (weight float64, n int) {
	this := weekOf(now.Unix())
	for _, w := range slices.Backward(weeks) {
		if w.week > this {
			continue
		}
		age := this - w.week
		if age > popularWeeks {
			break
		}
		weight += float64(w.n) * math.Exp2(-float64(age)*7/popularHalfLife)
		n += int(w.n)
	}
	return weight, n
}

// year is the length of a year in weeks.
const year = 365.2425 / 7

// season sums what was done in earlier years: in the weeks near this one of
// the year (within the given number), and in all.
func season(weeks []weekly, now time.Time, near float64) (in, all int) {
	this := weekOf(now.Unix())
	for _, w := range weeks {
		age := float64(this - w.week)
		if age < year/2 { // this year's
			continue
		}
		all += int(w.n)
		off := math.Mod(age, year)
		if min(off, year-off) <= near+.5 {
			in += int(w.n)
		}
	}
	return in, all
}

// seasonal ranks what was done in these weeks of earlier years much more than
// over the year. Few places have counts enough, so the city is asked at least.
func (m *Model) seasonal(at node, now time.Time) []popularity {
	var list []popularity
	region := at.region / 100 * 100
	ins, alls := map[uint32]int{}, map[uint32]int{}
	for _, c := range classes(at.class) {
		t := m.nodes[node{region, c}]
		if t == nil {
			continue
		}
		for number, weeks := range t.matters {
			in, all := season(weeks, now, 1)
			ins[number] += in
			alls[number] += all
		}
	}
	for _, number := range sortedNumbers(ins) {
		in, all := ins[number], alls[number]
		lift := float64(in) / (float64(all)*3/year + 1)
		if in >= seasonPeople && lift >= seasonLift {
			list = append(list, popularity{matter: number, share: float64(in) * math.Log2(lift), n: in, where: region, lift: lift})
		}
	}
	slices.SortFunc(list, func(a, b popularity) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.matter, b.matter))
	})
	return list[:min(len(list), popularSize)]
}

// OutOfSeason reports whether a matter that was often done in earlier years
// was never done near these weeks.
func (m *Model) OutOfSeason(code string, now time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	number, ok := m.numbers[code]
	if !ok {
		return false
	}
	in, all := 0, 0
	for _, c := range classes(ClassUnknown) {
		if t := m.nodes[node{0, c}]; t != nil {
			i, a := season(t.matters[number], now, seasonNear)
			in, all = in+i, all+a
		}
	}
	return all >= seasonClosed && in == 0
}

// Popular is the Source of what is often done in a place.
type Popular struct{ Model *Model }

// Season is the Source of what was done in these weeks of earlier years.
type Season struct{ Model *Model }

var (
	_ Source = Popular{}
	_ Source = Season{}
)

// Name implements [Source].
func (Popular) Name() string { return "popular" }

// Name implements [Source].
func (Season) Name() string { return "season" }

// Votes implements [Source].
func (s Popular) Votes(q *Query) []Vote {
	return s.Model.votes(s.Model.list(nodeOf(q), q.Now).popular, func(p popularity) Reason {
		return Reason{Kind: KindPopular, Region: regionCode(p.where), People: p.n}
	})
}

// Votes implements [Source].
func (s Season) Votes(q *Query) []Vote {
	return s.Model.votes(s.Model.list(nodeOf(q), q.Now).seasonal, func(p popularity) Reason {
		return Reason{Kind: KindSeason, Region: regionCode(p.where), People: p.n, Month: q.Now.Month()}
	})
}

func nodeOf(q *Query) node {
	return node{RegionNumber(q.Region), ClassOf(q.Audience)}
}

func (m *Model) votes(list []popularity, reason func(popularity) Reason) []Vote {
	m.mu.RLock()
	defer m.mu.RUnlock()
	votes := make([]Vote, len(list))
	for i, p := range list {
		votes[i] = Vote{m.code(p.matter), p.share, reason(p)}
	}
	return votes
}
