package recommend

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/govqa/govqa/corpus"
)

// A PersonKey names a person: a pseudonym, never a number of a certificate.
type PersonKey [16]byte

// A Model holds what people did, and the counts made of it. Its numbers are a
// function of the histories it holds, whatever the order in which they came,
// so a late event, an erased person and a replay after a crash all end with
// the numbers of a clean count. It is safe for concurrent use.
type Model struct {
	params Params
	powers []float64 // Params.Gap to the power of 0, 1, …

	mu      sync.RWMutex
	codes   []string
	numbers map[string]uint32
	matters []matter
	people  map[PersonKey]*person
	leaves  map[leafKey]*leaf
	nodes   map[node]*tally
	lists   sync.Map // listKey -> *popularList
	spare   chan *scratch
}

// A matter is what is counted of one matter.
type matter struct {
	weight int64 // of all steps, in units
	people int32 // distinct people who did it
	dirty  bool
	shards []*shard  // sorted by context
	posts  []posting // latest last
}

// A shard holds the passages from one matter within one context.
type shard struct {
	context uint32
	cells   []cell // sorted by target
	dirty   bool
	head    atomic.Pointer[[]cell] // the heaviest, computed when asked for
}

// A cell counts the passages from a matter to another.
type cell struct {
	to     uint32
	people int32 // distinct people who did both in this order
	weight int64 // in units
}

// A posting says that a person did a matter.
type posting struct {
	at  int64
	who *person
}

// A person is one history.
type person struct {
	key    PersonKey
	visits []Visit // the oldest first
	steps  []step
	quiet  bool // not to be read for others' sake: personalisation is off
}

// NewModel makes an empty model.
func NewModel(p Params) *Model {
	m := &Model{params: p, numbers: map[string]uint32{}, people: map[PersonKey]*person{}, leaves: map[leafKey]*leaf{}, nodes: map[node]*tally{},
		spare: make(chan *scratch, spareScratches)}
	for range max(p.Window, peerReach) {
		m.powers = append(m.powers, math.Pow(p.Gap, float64(len(m.powers))))
	}
	return m
}

// Params returns what the model was made with.
func (m *Model) Params() Params { return m.params }

// Matter returns the number of a matter, which is a new one if the model has
// not seen it: fresh says so.
func (m *Model) Matter(code string) (number uint32, fresh bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n, ok := m.numbers[code]; ok {
		return n, false
	}
	n := uint32(len(m.codes))
	m.codes = append(m.codes, code)
	m.matters = append(m.matters, matter{})
	m.numbers[code] = n
	return n, true
}

// Code returns the code of a number that Matter gave.
func (m *Model) Code(number uint32) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.code(number)
}

func (m *Model) code(number uint32) string {
	if int(number) >= len(m.codes) {
		return ""
	}
	return m.codes[number]
}

// Visits returns a copy of somebody's visits, the oldest first.
func (m *Model) Visits(key PersonKey) []Visit {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if p := m.people[key]; p != nil {
		return slices.Clone(p.visits)
	}
	return nil
}

// Add counts a visit. One that comes late takes the place of its own time;
// of two at the same time the one added later is the later.
func (m *Model) Add(key PersonKey, v Visit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.person(key)
	at := len(p.visits)
	for at > 0 && p.visits[at-1].At > v.At {
		at--
	}
	m.set(p, slices.Insert(p.visits, at, v))
}

// Set counts a whole history in place of the one that the person had. The
// visits are the oldest first; none forgets the person.
func (m *Model) Set(key PersonKey, visits []Visit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(m.person(key), slices.Clone(visits))
	if len(visits) == 0 {
		delete(m.people, key)
	}
}

// Load takes up a history whose counts the model has already.
func (m *Model) Load(key PersonKey, visits []Visit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.person(key)
	p.visits, p.steps = slices.Clone(visits), fold(visits)
	m.post(p, nil, p.steps)
}

// Quiet says whether a person's history may be read for the sake of others.
func (m *Model) Quiet(key PersonKey, quiet bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.people[key]
	if p == nil && !quiet {
		return
	}
	m.person(key).quiet = quiet
}

func (m *Model) person(key PersonKey) *person {
	p := m.people[key]
	if p == nil {
		p = &person{key: key}
		m.people[key] = p
	}
	return p
}

// set moves the counts from the person's old steps to the new.
func (m *Model) set(p *person, visits []Visit) {
	before := p.steps
	p.visits, p.steps = visits, fold(visits)
	m.count(before, p.steps)
	m.post(p, before, p.steps)
}

// count takes away what the steps before count for and adds what the steps
// after do. Steps that both have at their ends make the same passages among
// themselves, so these are left alone.
func (m *Model) count(before, after []step) {
	head := 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	var pairs []pair
	pairs = m.passages(before, head, tail, -1, pairs)
	pairs = m.passages(after, head, tail, +1, pairs)
	slices.SortFunc(pairs, pair.compare)
	m.countPairs(before, after, slices.Compact(pairs))
	m.countSteps(before, after, head, tail)
}

// A pair is two matters that somebody did one after the other.
type pair struct{ from, to uint32 }

func (p pair) compare(o pair) int {
	return cmp.Or(cmp.Compare(p.from, o.from), cmp.Compare(p.to, o.to))
}

// passages adds the weights of the passages that touch what is between the
// first head and the last tail steps, and lists those by strong steps.
func (m *Model) passages(steps []step, head, tail int, sign int64, pairs []pair) []pair {
	same := len(steps) - tail
	for y := head; y < min(len(steps), same+m.params.Window); y++ {
		for x := max(0, y-m.params.Window); x < y; x++ {
			if x >= same {
				break
			}
			from, to := steps[x], steps[y]
			if from.matter == to.matter {
				continue
			}
			w := m.params.passage(from, to, y-x, m.powers)
			if w == 0 {
				continue
			}
			m.shard(from.matter, to.context()).add(to.matter, sign*w, 0)
			if back := int64(math.Round(float64(w) * m.params.Back)); back > 0 {
				m.shard(to.matter, to.context()).add(from.matter, sign*back, 0)
			}
			if from.strong() && to.strong() {
				pairs = append(pairs, pair{from.matter, to.matter})
			}
		}
	}
	return pairs
}

// manyPairs is from how many pairs on they are looked up in one pass.
const manyPairs = 64

// countPairs counts people: each once for a pair, in the context of the first
// time.
func (m *Model) countPairs(before, after []step, pairs []pair) {
	was := func(p pair) (uint32, bool) { return m.first(before, p) }
	is := func(p pair) (uint32, bool) { return m.first(after, p) }
	if len(pairs) > manyPairs {
		was, is = m.firsts(before), m.firsts(after)
	}
	for _, p := range pairs {
		old, had := was(p)
		now, has := is(p)
		if had == has && old == now {
			continue
		}
		if had {
			m.shard(p.from, old).add(p.to, 0, -1)
		}
		if has {
			m.shard(p.from, now).add(p.to, 0, +1)
		}
	}
}

// firsts is first for every pair at once.
func (m *Model) firsts(steps []step) func(pair) (uint32, bool) {
	contexts := map[pair]uint32{}
	for x, from := range steps {
		if !from.strong() {
			continue
		}
		for y := x + 1; y < min(len(steps), x+1+m.params.Window); y++ {
			p := pair{from.matter, steps[y].matter}
			if _, ok := contexts[p]; ok || !steps[y].strong() {
				continue
			}
			if m.params.passage(from, steps[y], y-x, m.powers) > 0 {
				contexts[p] = steps[y].context()
			}
		}
	}
	return func(p pair) (uint32, bool) {
		c, ok := contexts[p]
		return c, ok
	}
}

// first finds the context of the first time that a pair was done.
func (m *Model) first(steps []step, p pair) (context uint32, ok bool) {
	for x, from := range steps {
		if from.matter != p.from || !from.strong() {
			continue
		}
		for y := x + 1; y < min(len(steps), x+1+m.params.Window); y++ {
			if steps[y].matter == p.to && steps[y].strong() && m.params.passage(from, steps[y], y-x, m.powers) > 0 {
				return steps[y].context(), true
			}
		}
	}
	return 0, false
}

// countSteps moves the counts of single steps: how often, by how many, when
// and where.
func (m *Model) countSteps(before, after []step, head, tail int) {
	var touched []uint32
	for _, side := range [...]struct {
		steps []step
		sign  int64
	}{{before, -1}, {after, +1}} {
		for _, s := range side.steps[head : len(side.steps)-tail] {
			m.matters[s.matter].weight += side.sign * int64(math.Round(unit*s.act.strength()*m.params.decay(s.at)))
			m.matters[s.matter].dirty = true
			if s.strong() {
				m.tally(s, int32(side.sign))
				touched = append(touched, s.matter)
			}
		}
	}
	slices.Sort(touched)
	for _, n := range slices.Compact(touched) {
		did := func(s step) bool { return s.matter == n && s.strong() }
		if had, has := slices.ContainsFunc(before, did), slices.ContainsFunc(after, did); had != has {
			m.matters[n].people += map[bool]int32{true: 1, false: -1}[has]
		}
	}
}

// post keeps the lists of who did what.
func (m *Model) post(p *person, before, after []step) {
	for _, s := range before {
		if !slices.ContainsFunc(after, func(o step) bool { return o.matter == s.matter && o.at == s.at }) {
			posts := &m.matters[s.matter].posts
			*posts = slices.DeleteFunc(*posts, func(o posting) bool { return o.who == p && o.at == s.at })
		}
	}
	for _, s := range after {
		if slices.ContainsFunc(before, func(o step) bool { return o.matter == s.matter && o.at == s.at }) {
			continue
		}
		posts := &m.matters[s.matter].posts
		at := len(*posts)
		for at > 0 && (*posts)[at-1].at > s.at {
			at--
		}
		*posts = slices.Insert(*posts, at, posting{s.at, p})
	}
}

// shard returns the shard of a context, made if need be.
func (m *Model) shard(from uint32, context uint32) *shard {
	shards := &m.matters[from].shards
	at, ok := slices.BinarySearchFunc(*shards, context, func(s *shard, c uint32) int { return cmp.Compare(s.context, c) })
	if !ok {
		*shards = slices.Insert(*shards, at, &shard{context: context})
	}
	return (*shards)[at]
}

func (s *shard) add(to uint32, weight int64, people int32) {
	at, ok := slices.BinarySearchFunc(s.cells, to, func(c cell, to uint32) int { return cmp.Compare(c.to, to) })
	if !ok {
		s.cells = slices.Insert(s.cells, at, cell{to: to})
	}
	c := &s.cells[at]
	c.weight += weight
	c.people += people
	if c.weight == 0 && c.people == 0 {
		s.cells = slices.Delete(s.cells, at, at+1)
	}
	s.dirty = true
	s.head.Store(nil)
}

// heaviest returns the cells of the shard that a request looks at.
func (s *shard) heaviest() []cell {
	if head := s.head.Load(); head != nil {
		return *head
	}
	cells := slices.Clone(s.cells)
	slices.SortFunc(cells, func(a, b cell) int { return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.to, b.to)) })
	if len(cells) > headSize {
		cells = slices.Clone(cells[:headSize])
	}
	s.head.Store(&cells)
	return cells
}

// Older lists the people who have a visit before a time, in the order of
// their keys.
func (m *Model) Older(before int64) []PersonKey {
	return m.keys(func(p *person) bool { return len(p.visits) > 0 && p.visits[0].At < before })
}

// Having lists the people who have a visit to a matter.
func (m *Model) Having(number uint32) []PersonKey {
	return m.keys(func(p *person) bool {
		return slices.ContainsFunc(p.visits, func(v Visit) bool { return v.Matter == number })
	})
}

func (m *Model) keys(of func(*person) bool) []PersonKey {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var keys []PersonKey
	for key, p := range m.people {
		if of(p) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b PersonKey) int { return slices.Compare(a[:], b[:]) })
	return keys
}

// Size says how much the model holds.
type Size struct {
	Matters, People, Visits, Passages int
}

// Size counts what the model holds.
func (m *Model) Size() Size {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := Size{Matters: len(m.matters), People: len(m.people)}
	for _, p := range m.people {
		s.Visits += len(p.visits)
	}
	for i := range m.matters {
		for _, sh := range m.matters[i].shards {
			s.Passages += len(sh.cells)
		}
	}
	return s
}

// Passages says how many distinct people did a matter, and how many of them
// went on to another.
func (m *Model) Passages(from, to string) (people, of int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f, ok1 := m.numbers[from]
	t, ok2 := m.numbers[to]
	if !ok1 {
		return 0, 0
	}
	if ok2 {
		people = m.went(f, t)
	}
	return people, int(m.matters[f].people)
}

// went counts the distinct people who did one matter after the other.
func (m *Model) went(from, to uint32) (people int) {
	for _, s := range m.matters[from].shards {
		if at, ok := slices.BinarySearchFunc(s.cells, to, func(c cell, to uint32) int { return cmp.Compare(c.to, to) }); ok {
			people += int(s.cells[at].people)
		}
	}
	return people
}

// region is the code of a region number.
func regionCode(n uint32) corpus.RegionCode {
	if n == 0 {
		return ""
	}
	var b [6]byte
	for i := 5; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return corpus.RegionCode(b[:])
}
