package recommend

import (
	"cmp"
	"math"
	"slices"
)

// maxSteps is how many of the newest steps of a history are looked at.
const maxSteps = 20

// maxVotes is how many matters a source votes for.
const maxVotes = 200

// Next is the Source of what comes after: the passages that people made, and
// the life events as so many passages that nobody need have made. Where there
// are no counts the curated order rules; the more people went another way,
// the less it says.
type Next struct {
	Model  *Model
	Events *LifeEvents // may be nil
	Params Params      // what is under Reading
}

var _ Source = (*Next)(nil)

// Name implements [Source].
func (*Next) Name() string { return "transitions" }

// A scratch holds the sums of one request, by matter number.
type scratch struct {
	score   []float64
	best    []float64 // the largest part of the score
	from    []int32   // and the step that it comes from
	touched []uint32
}

// spareScratches is how many scratches a model keeps for the next requests. A
// sync.Pool would lose them, a megabyte each, at every collection.
const spareScratches = 16

// newScratch returns a scratch for all matters. The caller holds the model's
// lock and gives it back with free.
func (m *Model) newScratch() *scratch {
	var s *scratch
	select {
	case s = <-m.spare:
	default:
		s = &scratch{}
	}
	if n := len(m.codes); len(s.score) < n {
		s.score, s.best, s.from = make([]float64, n+n/8), make([]float64, n+n/8), make([]int32, n+n/8)
	}
	return s
}

func (m *Model) free(s *scratch) {
	for _, n := range s.touched {
		s.score[n], s.best[n], s.from[n] = 0, 0, 0
	}
	s.touched = s.touched[:0]
	select {
	case m.spare <- s:
	default:
	}
}

func (s *scratch) add(to uint32, w float64, from int) {
	if s.score[to] == 0 {
		s.touched = append(s.touched, to)
	}
	s.score[to] += w
	if w > s.best[to] {
		s.best[to], s.from[to] = w, int32(from)
	}
}

// Votes implements [Source].
func (n *Next) Votes(q *Query) []Vote {
	steps := q.steps()
	if len(steps) == 0 {
		return nil
	}
	steps = steps[:min(len(steps), maxSteps)]
	prior := n.prior(q, steps)
	m := n.Model
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.newScratch()
	defer m.free(s)
	n.sum(q, steps, s)
	return n.collect(q, steps, s, prior)
}

// prior is what the life events say, by matter.
func (n *Next) prior(q *Query, steps []Step) map[string]Vote {
	votes := map[string]Vote{}
	if n.Events == nil {
		return votes
	}
	parts := map[string]float64{} // the score that the reason stands for
	g := 1.0
	for _, step := range steps {
		of := n.Model.frequency(step.Matter, q)
		for _, v := range n.Events.after(step.Matter, q.Steps) {
			v.Score *= g * strengthOf(step, q) * n.Params.Prior * math.Pow(of+n.Params.Prior, -n.Params.Source)
			old := votes[v.Code]
			v.Score += old.Score
			part := v.Score - old.Score
			// That it may be done now says more than that it belongs here.
			after, before := v.Reason.Order == OrderAfter, old.Reason.Order == OrderAfter
			if old.Code != "" && (before && !after || before == after && part <= parts[v.Code]) {
				v.Reason = old.Reason
			} else {
				parts[v.Code] = part
			}
			votes[v.Code] = v
		}
		g *= n.Params.Recency
	}
	return votes
}

// strengthOf weighs a step of a history by what was done. The matter just
// answered leads on as much as one that was done.
func strengthOf(s Step, q *Query) float64 {
	if s.Matter == q.About {
		return 1
	}
	return s.Act.strength()
}

// frequency is how often a matter was done, as of now.
func (m *Model) frequency(code string, q *Query) float64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, ok := m.numbers[code]
	if !ok {
		return 0
	}
	return m.often(n, m.scale(q))
}

// scale turns weights, which grow with time, into passages as of now.
func (m *Model) scale(q *Query) float64 {
	return 1 / (unit * m.params.decay(q.Now.Unix()))
}

func (m *Model) often(n uint32, scale float64) float64 { return float64(m.matters[n].weight) * scale }

// sum adds up the passages from each step, and from what these lead to.
func (n *Next) sum(q *Query, steps []Step, s *scratch) {
	m, p := n.Model, n.Params
	scale := m.scale(q)
	g := 1.0
	for i, step := range steps {
		if number, ok := m.numbers[step.Matter]; ok {
			prior := 1.0
			if n.Events != nil && n.Events.knows(step.Matter) {
				prior = p.Prior
			}
			w := g * strengthOf(step, q) * scale * math.Pow(m.often(number, scale)+prior, -p.Source)
			for _, sh := range m.shards(number, q) {
				heads := sh.heaviest()
				for _, c := range heads {
					s.add(c.to, w*float64(c.weight), i)
				}
				if p.Second > 0 && i < p.Depth {
					n.second(heads, w*p.Second*scale, scale, q, s)
				}
			}
		}
		g *= p.Recency
	}
}

// second adds the passages that go on from those of one matter.
func (n *Next) second(heads []cell, w, scale float64, q *Query, s *scratch) {
	m := n.Model
	for _, c := range heads[:min(len(heads), secondFan)] {
		via := w * float64(c.weight) * math.Pow(m.often(c.to, scale)+1, -n.Params.Source)
		for _, sh := range m.shards(c.to, q) {
			heads := sh.heaviest()
			for _, next := range heads[:min(len(heads), secondSize)] {
				if s.score[next.to] == 0 {
					s.touched = append(s.touched, next.to)
				}
				s.score[next.to] += via * float64(next.weight)
			}
		}
	}
}

// shards returns the passages to read for a query: those of its class, and
// only the city's own where enough people made them.
func (m *Model) shards(number uint32, q *Query) []*shard {
	all := m.matters[number].shards
	if len(all) < 2 {
		return all
	}
	class, city := ClassOf(q.Audience), RegionNumber(q.Region)/100
	var fit, own []*shard
	people := int32(0)
	for _, s := range all {
		of := Class(s.context >> 24)
		if class != ClassUnknown && of != ClassUnknown && of != class {
			continue
		}
		fit = append(fit, s)
		if city != 0 && s.context&(1<<24-1) == city {
			own = append(own, s)
			for _, c := range s.cells {
				people += c.people
			}
		}
	}
	if people >= regionLimit {
		return own
	}
	return fit
}

// collect makes votes of the sums and the prior, the highest first.
func (n *Next) collect(q *Query, steps []Step, s *scratch, prior map[string]Vote) []Vote {
	m := n.Model
	scale := m.scale(q)
	curated := map[uint32]Vote{}
	var votes []Vote
	unseen := false
	for code, v := range prior {
		number, ok := m.numbers[code]
		if !ok {
			votes, unseen = append(votes, v), true
			continue
		}
		if s.score[number] == 0 {
			s.touched = append(s.touched, number)
		}
		s.score[number] += v.Score
		curated[number] = v
	}
	for _, c := range s.top(m, scale, n.Params.Target) {
		v := Vote{Code: m.codes[c.number], Score: c.score, Reason: n.reason(steps, s, c.number)}
		if p, ok := curated[c.number]; ok && (p.Score >= s.best[c.number] || v.Reason.People < minPeople) {
			v.Reason = p.Reason // true whatever the counts
		}
		votes = append(votes, v)
	}
	if unseen {
		slices.SortFunc(votes, compareVotes)
	}
	return votes[:min(len(votes), maxVotes)]
}

// A scored is a matter and its sum.
type scored struct {
	number uint32
	score  float64
}

func (a scored) less(b scored) bool {
	return a.score < b.score || a.score == b.score && a.number > b.number
}

// top divides each sum by a power of how often the matter is done, and
// returns the highest, in order. It keeps them in a heap whose root is the
// least, since a history touches thousands.
func (s *scratch) top(m *Model, scale, power float64) []scored {
	heap := make([]scored, 0, maxVotes)
	for _, number := range s.touched {
		x := scored{number, s.score[number]}
		if x.score <= 0 || len(heap) == maxVotes && x.score < heap[0].score {
			continue // dividing makes it no greater
		}
		if power != 0 {
			x.score *= math.Pow(m.often(number, scale)+1, -power)
		}
		switch {
		case len(heap) < maxVotes:
			heap = append(heap, x)
			for i := len(heap) - 1; i > 0 && heap[i].less(heap[(i-1)/2]); i = (i - 1) / 2 {
				heap[i], heap[(i-1)/2] = heap[(i-1)/2], heap[i]
			}
		case heap[0].less(x):
			heap[0] = x
			sink(heap)
		}
	}
	slices.SortFunc(heap, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(m.codes[a.number], m.codes[b.number]))
	})
	return heap
}

func sink(heap []scored) {
	for i := 0; 2*i+1 < len(heap); {
		child := 2*i + 1
		if child+1 < len(heap) && heap[child+1].less(heap[child]) {
			child++
		}
		if !heap[child].less(heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// reason says from which step most of a sum comes, and how many went that way.
func (n *Next) reason(steps []Step, s *scratch, number uint32) Reason {
	if s.best[number] == 0 {
		return Reason{Kind: KindNext}
	}
	from := steps[s.from[number]].Matter
	f := n.Model.numbers[from]
	return Reason{Kind: KindNext, From: from, People: n.Model.went(f, number), Of: int(n.Model.matters[f].people)}
}

func compareVotes(a, b Vote) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Code, b.Code))
}
