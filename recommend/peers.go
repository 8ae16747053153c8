package recommend

import (
	"cmp"
	"math"
	"slices"
)

// Peers is the Source of what people with like histories did: those who did
// the same matters of late, and what they did soon after. It reads no history
// of people whose personalisation is off.
type Peers struct {
	Model  *Model
	Params Params
}

var _ Source = (*Peers)(nil)

// Name implements [Source].
func (*Peers) Name() string { return "peers" }

// A peer is a person with a history like the query's.
type peer struct {
	who   *person
	like  float64
	since int64  // when they did the newest step that both have
	step  uint32 // and the matter of it
}

// Votes implements [Source].
func (p *Peers) Votes(q *Query) []Vote {
	steps := q.steps()
	if len(steps) == 0 || p.Params.Peers <= 0 {
		return nil
	}
	m := p.Model
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.newScratch()
	defer m.free(s)
	peers := p.find(q, steps[:min(len(steps), maxSteps)])
	for _, o := range peers {
		at := slices.IndexFunc(o.who.steps, func(s step) bool { return s.at == o.since && s.matter == o.step })
		near := o.who.steps[max(0, at-peerReach):min(len(o.who.steps), at+1+peerReach)]
		at = min(at, peerReach)
		for i, st := range near {
			switch {
			case i > at:
				s.add(st.matter, o.like*st.act.strength()*m.powers[i-at-1], 0)
			case i < at:
				s.add(st.matter, o.like*st.act.strength()*p.Params.PeerBack*m.powers[at-i-1], 0)
			}
		}
	}
	return p.collect(q, s)
}

// peerReach is how far from the shared step a peer's history is looked at.
const peerReach = 40

// find returns the people most like the query, the most alike first.
func (p *Peers) find(q *Query, steps []Step) []peer {
	m := p.Model
	scale := m.scale(q)
	found := map[*person]int{}
	var peers []peer
	g := 1.0
	for _, step := range steps {
		number, ok := m.numbers[step.Matter]
		if ok {
			w := g * strengthOf(step, q) * math.Pow(max(m.often(number, scale), 1), -p.Params.PeerSource)
			posts := m.matters[number].posts
			for _, post := range slices.Backward(posts[max(0, len(posts)-p.Params.PeerPostings):]) {
				if post.who.quiet || post.who.key == q.Person {
					continue
				}
				i, ok := found[post.who]
				if !ok {
					i = len(peers)
					found[post.who] = i
					peers = append(peers, peer{who: post.who, since: post.at, step: number})
				}
				peers[i].like += w
			}
		}
		g *= p.Params.PeerRecency
	}
	for i := range peers {
		peers[i].like *= math.Pow(float64(len(peers[i].who.steps)), -p.Params.PeerLength)
	}
	slices.SortFunc(peers, func(a, b peer) int {
		return cmp.Or(cmp.Compare(b.like, a.like), cmp.Compare(b.since, a.since), slices.Compare(a.who.key[:], b.who.key[:]))
	})
	return peers[:min(len(peers), p.Params.PeerLimit)]
}

func (p *Peers) collect(q *Query, s *scratch) []Vote {
	m := p.Model
	votes := make([]Vote, 0, maxVotes)
	for _, c := range s.top(m, m.scale(q), p.Params.PeerTarget) {
		votes = append(votes, Vote{m.codes[c.number], c.score, Reason{Kind: KindNext}})
	}
	return votes
}
