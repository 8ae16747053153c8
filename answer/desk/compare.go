package desk

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// A GroupFigures is what became of the calls of one group.
type GroupFigures struct {
	Group    Group   `json:"group"`
	Calls    int     `json:"calls"`
	Seconds  float64 `json:"seconds"`  // from opening to the end of the talk, median
	After    float64 `json:"after"`    // after-call work in seconds, median
	Answered float64 `json:"answered"` // share of calls whose result is 已答复
	Adopted  float64 `json:"adopted"`  // answers adopted in a call, mean
	Edited   float64 `json:"edited"`   // share of adopted answers that were edited
	Score    float64 `json:"score"`    // mean of the reviews; 0 without any
	Reviewed int     `json:"reviewed"`
}

// A Comparison sets the groups of the experiment side by side.
type Comparison struct {
	Groups []GroupFigures `json:"groups"`
	// Gain is by how many seconds calls with suggestions are shorter at the
	// median, with the 95 % interval that comes of drawing the calls anew.
	Gain     float64    `json:"gain"`
	Interval [2]float64 `json:"interval"`
	Enough   bool       `json:"enough"` // both groups have enough calls for the interval to mean something
}

// leastCalls is how many calls each group needs for a comparison.
const leastCalls = 30

// redraws is how often the calls are drawn anew for the interval.
const redraws = 2000

// compareEvery is how long a comparison is given again before the calls are
// read anew.
const compareEvery = time.Minute

// comparisons remembers the last comparison of each filter.
type comparisons struct {
	mu    sync.Mutex
	known map[Filter]timedComparison
}

type timedComparison struct {
	at time.Time
	c  Comparison
}

// Compare compares the newest closed calls of both groups, at most ten thousand.
func (d *Desk) Compare(who Staff, f Filter) (Comparison, error) {
	f.Limit = maxPast
	f.From, f.To = f.From.Truncate(time.Hour), f.To.Truncate(time.Hour)
	m := &d.compared
	m.mu.Lock()
	defer m.mu.Unlock() // one reads for all
	if known, ok := m.known[f]; ok && d.Now().Sub(known.at) < compareEvery {
		return known.c, nil
	}
	calls, err := d.Past(who, f)
	if err != nil {
		return Comparison{}, err
	}
	if m.known == nil || len(m.known) > 100 {
		m.known = map[Filter]timedComparison{}
	}
	m.known[f] = timedComparison{d.Now(), compare(calls)}
	return m.known[f].c, nil
}

func compare(calls []Call) Comparison {
	var c Comparison
	talk := map[Group][]float64{}
	for _, g := range []Group{Assisted, Control} {
		f := GroupFigures{Group: g}
		var after []float64
		adopted, edited, answered, score := 0, 0, 0, 0
		for i := range calls {
			call := &calls[i]
			if call.Group != g {
				continue
			}
			f.Calls++
			talk[g] = append(talk[g], call.Ended.Sub(call.Opened).Seconds())
			after = append(after, call.Closed.Sub(call.Ended).Seconds())
			for _, a := range call.Adopted {
				adopted++
				if a.Said != "" {
					edited++
				}
			}
			if strings.HasPrefix(call.Wrap.Result, "已答复") {
				answered++
			}
			for _, r := range call.Reviews {
				f.Reviewed++
				score += r.Score
			}
		}
		f.Seconds, f.After = median(talk[g]), median(after)
		f.Answered, f.Adopted, f.Edited, f.Score = ratio(answered, f.Calls), ratio(adopted, f.Calls), ratio(edited, adopted), ratio(score, f.Reviewed)
		c.Groups = append(c.Groups, f)
	}
	with, without := talk[Assisted], talk[Control]
	if len(with) == 0 || len(without) == 0 {
		return c
	}
	c.Gain = median(without) - median(with)
	c.Enough = len(with) >= leastCalls && len(without) >= leastCalls
	c.Interval = interval(with, without)
	return c
}

// interval draws both groups anew, many times, with the same numbers each time
// it is called, and returns where the middle 95 % of the gains lie.
func interval(with, without []float64) [2]float64 {
	draw := rand.New(rand.NewPCG(1, 2))
	again := func(list []float64) float64 {
		drawn := make([]float64, len(list))
		for i := range drawn {
			drawn[i] = list[draw.IntN(len(list))]
		}
		return median(drawn)
	}
	gains := make([]float64, redraws)
	for i := range gains {
		gains[i] = again(without) - again(with)
	}
	slices.Sort(gains)
	return [2]float64{gains[redraws*25/1000], gains[redraws*975/1000-1]}
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return math.Round(1e4*float64(part)/float64(whole)) / 1e4
}
