package insight

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A Day is what happened on one day.
type Day struct {
	Date     string // 2006-01-02
	Asked    int
	Outcomes map[answer.Outcome]int
	Aspects  map[nlp.Aspect]int
	Matters  map[string]int            // codes of what was answered
	Regions  map[corpus.RegionCode]int // asked for; "" where nobody said
	Up, Down int                       // ratings
	latency  [len(latencyBounds) + 1]int
}

// latencyBounds are the upper bounds of the classes of response times, in
// milliseconds.
var latencyBounds = [...]float64{.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 2000, 5000}

// A Use is how one matter was used, in all.
type Use struct {
	Answered int       // it was the answer
	Found    int       // it was among the first found, answered or not
	Up, Down int       // ratings of answers about it
	Last     time.Time // when it was last answered
}

func newDay(date string) *Day {
	return &Day{Date: date, Outcomes: map[answer.Outcome]int{}, Aspects: map[nlp.Aspect]int{}, Matters: map[string]int{},
		Regions: map[corpus.RegionCode]int{}}
}

func (v *View) day(at time.Time) *Day {
	date := at.In(v.zone).Format(time.DateOnly)
	d := v.days[date]
	if d == nil {
		d = newDay(date)
		v.days[date] = d
	}
	return d
}

func (v *View) use(code string) *Use {
	u := v.uses[code]
	if u == nil {
		u = &Use{}
		v.uses[code] = u
	}
	return u
}

func (v *View) count(at time.Time, a answer.Asked) {
	d := v.day(at)
	d.Asked++
	d.Outcomes[a.Outcome]++
	d.Regions[a.Region]++
	if a.ElapsedMS > 0 {
		i, _ := slices.BinarySearch(latencyBounds[:], a.ElapsedMS)
		d.latency[i]++
	}
	for _, n := range a.Near {
		v.use(n.Code).Found++
	}
	if a.Matter == "" {
		return
	}
	d.Matters[a.Matter]++
	d.Aspects[a.Aspect]++
	u := v.use(a.Matter)
	u.Answered++
	u.Last = at
	if !slices.ContainsFunc(a.Near, func(n answer.Near) bool { return n.Code == a.Matter }) {
		u.Found++
	}
}

func (v *View) countRating(at time.Time, r answer.Feedback, k known) {
	d := v.day(at)
	var u Use
	if r.Rating > 0 {
		d.Up++
		u.Up = 1
	} else {
		d.Down++
		u.Down = 1
	}
	if k.asked.Matter != "" {
		of := v.use(k.asked.Matter)
		of.Up += u.Up
		of.Down += u.Down
	}
}

// Days returns the days from the first to the last of the given dates, those
// on which nothing happened too.
func (v *View) Days(from, to time.Time) []Day {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []Day
	end := to.In(v.zone).Format(time.DateOnly)
	for t := from.In(v.zone); t.Format(time.DateOnly) <= end; t = t.AddDate(0, 0, 1) {
		d := newDay(t.Format(time.DateOnly))
		if have := v.days[d.Date]; have != nil {
			d.merge(have)
		}
		list = append(list, *d)
	}
	return list
}

func (d *Day) merge(o *Day) {
	d.Asked += o.Asked
	d.Up += o.Up
	d.Down += o.Down
	addTo(d.Outcomes, o.Outcomes)
	addTo(d.Aspects, o.Aspects)
	addTo(d.Matters, o.Matters)
	addTo(d.Regions, o.Regions)
	for i, n := range o.latency {
		d.latency[i] += n
	}
}

func addTo[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

// Sum adds days up.
func Sum(days []Day) Day {
	total := newDay("")
	for i := range days {
		total.merge(&days[i])
	}
	return *total
}

// Latency returns the response time, in milliseconds, that a share of the
// day's answers did not exceed: the upper bound of its class. It is 0 where
// none was measured and infinite beyond the last class.
func (d *Day) Latency(share float64) float64 {
	n := 0
	for _, c := range d.latency {
		n += c
	}
	if n == 0 {
		return 0
	}
	want := int(math.Ceil(share * float64(n)))
	for i, c := range d.latency {
		if want -= c; want <= 0 {
			if i == len(latencyBounds) {
				break
			}
			return latencyBounds[i]
		}
	}
	return math.Inf(1)
}

// Satisfaction is the share of good ratings, and whether there were any.
func (d *Day) Satisfaction() (float64, bool) {
	n := d.Up + d.Down
	return float64(d.Up) / float64(max(1, n)), n > 0
}

// Uses returns how each matter was used, by code.
func (v *View) Uses() map[string]Use {
	v.mu.Lock()
	defer v.mu.Unlock()
	uses := make(map[string]Use, len(v.uses))
	for code, u := range v.uses {
		uses[code] = *u
	}
	return uses
}

// Recent returns at most limit distinct questions asked of late, the newest
// first.
func (v *View) Recent(limit int) []Logged {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := slices.Clone(v.recent.list)
	slices.SortStableFunc(list, func(a, b Logged) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Text, b.Text))
	})
	return list[:min(limit, len(list))]
}

// Top returns the keys of the greatest counts, the greatest first.
func Top[K cmp.Ordered](counts map[K]int, limit int) []K {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return keys[:min(limit, len(keys))]
}
