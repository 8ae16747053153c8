package nlp

// Phrases finds many phrases in a text in one pass (Aho–Corasick), however
// many they are. It is immutable.
type Phrases struct {
	next   map[uint64]int32 // node and rune to node
	fail   []int32          // the longest proper suffix that is a node too
	report []int32          // the nearest node on the fail chain, itself included, where phrases end; -1 is none
	ends   [][]int32        // phrases that end at the node
	length []int            // of phrases, in runes
}

// NewPhrases makes a finder of the phrases, which must be in the form of the
// texts to be searched. Empty ones are never found.
func NewPhrases(list []string) *Phrases {
	p := &Phrases{next: map[uint64]int32{}, fail: []int32{0}, ends: [][]int32{nil}, length: make([]int, len(list))}
	parent, via := []int32{0}, []rune{0}
	for i, s := range list {
		node := int32(0)
		for _, r := range s {
			p.length[i]++
			child, ok := p.next[edge(node, r)]
			if !ok {
				child = int32(len(p.fail))
				p.next[edge(node, r)] = child
				p.fail, p.ends = append(p.fail, 0), append(p.ends, nil)
				parent, via = append(parent, node), append(via, r)
			}
			node = child
		}
		if node != 0 {
			p.ends[node] = append(p.ends[node], int32(i))
		}
	}
	p.link(parent, via)
	return p
}

// link computes the fail links, shallow nodes first.
func (p *Phrases) link(parent []int32, via []rune) {
	depth := make([]int, len(parent))
	byDepth := [][]int32{{}}
	for n := 1; n < len(parent); n++ { // a parent is always made before its children
		depth[n] = depth[parent[n]] + 1
		for len(byDepth) <= depth[n] {
			byDepth = append(byDepth, nil)
		}
		byDepth[depth[n]] = append(byDepth[depth[n]], int32(n))
	}
	p.report = make([]int32, len(parent))
	p.report[0] = -1
	for d, nodes := range byDepth {
		for _, n := range nodes {
			if d > 1 {
				p.fail[n] = p.step(p.fail[parent[n]], via[n])
			}
			p.report[n] = n
			if len(p.ends[n]) == 0 {
				p.report[n] = p.report[p.fail[n]]
			}
		}
	}
}

func edge(node int32, r rune) uint64 { return uint64(node)<<32 | uint64(r) }

func (p *Phrases) step(node int32, r rune) int32 {
	for {
		if n, ok := p.next[edge(node, r)]; ok {
			return n
		}
		if node == 0 {
			return 0
		}
		node = p.fail[node]
	}
}

// Each calls found for every occurrence of every phrase, by its index in the
// list and its place in runes, in the order of ends.
func (p *Phrases) Each(text []rune, found func(phrase, start, end int)) {
	node := int32(0)
	for i, r := range text {
		node = p.step(node, r)
		for n := p.report[node]; n >= 0; n = p.report[p.fail[n]] {
			for _, id := range p.ends[n] {
				found(int(id), i+1-p.length[id], i+1)
			}
		}
	}
}
