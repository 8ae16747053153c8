package vector

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// chunkRows is how many rows lie together; a chunk that is full never moves.
const chunkRows = 1024

// A Table is the vectors of one model at one time. It does not change.
type Table struct {
	dim, stride int
	rows        int
	codes       [][]int8
	scales      [][]float32
}

// with returns the table with one more row. Tables made before share the
// memory, and do not see it.
func (t Table) with(c Code) Table {
	i := t.rows % chunkRows
	if i == 0 {
		t.codes = append(t.codes, make([]int8, chunkRows*t.stride))
		t.scales = append(t.scales, make([]float32, chunkRows))
	}
	last := len(t.codes) - 1
	copy(t.codes[last][i*t.stride:], c.Bytes)
	t.scales[last][i] = c.Scale
	t.rows++
	return t
}

// Dim returns the number of dimensions; 0 before the first vector.
func (t Table) Dim() int { return t.dim }

// Code returns a row.
func (t Table) Code(row uint32) Code {
	i := int(row % chunkRows)
	return Code{t.codes[row/chunkRows][i*t.stride:][:t.stride], t.scales[row/chunkRows][i]}
}

// dots compares q with n rows from row on, which lie in one chunk.
func (t Table) dots(q []int8, row uint32, out []int32) {
	dotRows(q, t.codes[row/chunkRows][int(row%chunkRows)*t.stride:], out)
}

// A List is some rows of a table, to be searched together.
type List struct {
	table Table
	rows  []uint32

	// Of a long list only: the row's side of the mean in each dimension, a bit
	// each.
	mean  []float32
	sides []uint64
	words int // of a row's sides
}

// NewList makes a list of rows in the order given; ascending rows are searched
// fastest. Positions count from 0 in that order.
func NewList(t Table, rows []uint32) *List {
	l := &List{table: t, rows: rows, words: (t.dim + 63) / 64}
	if len(rows)*t.stride > flatRoom() {
		l.takeSides()
	}
	return l
}

// Len returns the number of rows.
func (l *List) Len() int { return len(l.rows) }

// takeSides prepares the search by sides.
func (l *List) takeSides() {
	l.mean = make([]float32, l.table.dim)
	step := len(l.rows)/meanRows + 1
	n := 0
	for i := 0; i < len(l.rows); i += step {
		c := l.table.Code(l.rows[i])
		for d := range l.mean {
			l.mean[d] += float32(c.Bytes[d]) * c.Scale
		}
		n++
	}
	for d := range l.mean {
		l.mean[d] /= float32(n)
	}
	l.sides = make([]uint64, len(l.rows)*l.words)
	for i, row := range l.rows {
		l.side(l.table.Code(row), l.sides[i*l.words:][:l.words])
	}
}

// meanRows is how many rows the mean is taken of, at most about.
const meanRows = 10_000

func (l *List) side(c Code, to []uint64) {
	for d, m := range l.mean {
		if float32(c.Bytes[d])*c.Scale > m {
			to[d/64] |= 1 << (d % 64)
		}
	}
}

// A Near is a row that is near.
type Near struct {
	Pos    int // in the list
	Cosine float64
}

// A Found is what a search finds.
type Found struct {
	Near []Near // the nearest first; equals by position
	// Mean and SD say how near the rows are, over all of them or an even
	// sample: how far above the mean a row stands tells more than its cosine,
	// which differs from model to model.
	Mean, SD float64
}

type scratch struct {
	dots      []int32
	distances []uint16
}

var scratchPool = sync.Pool{New: func() any { return &scratch{dots: make([]int32, chunkRows)} }}

// Nearest finds the k nearest positions among those that keep keeps.
func (l *List) Nearest(q Code, k int, keep func(pos int) bool) Found {
	if len(l.rows) == 0 || k <= 0 {
		return Found{}
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	var f Found
	f.Mean, f.SD = l.spread(q)
	if l.sides != nil {
		f.Near = l.rescored(q, k, l.bySides(q, max(coarse, 20*k), keep, s))
		return f
	}
	f.Near = l.flat(q, k, keep, s)
	return f
}

// At returns the cosine with one position.
func (l *List) At(q Code, pos int) float64 { return q.Cosine(l.table.Code(l.rows[pos])) }

// spreadRows is how many rows the mean and deviation are taken of.
const spreadRows = 1024

func (l *List) spread(q Code) (mean, sd float64) {
	step := max(1, len(l.rows)/spreadRows)
	n, sum, squares := 0.0, 0.0, 0.0
	for i := 0; i < len(l.rows); i += step {
		x := l.At(q, i)
		n, sum, squares = n+1, sum+x, squares+x*x
	}
	mean = sum / n
	return mean, math.Sqrt(max(0, squares/n-mean*mean))
}

func nearer(a, b Near) int {
	return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.Pos, b.Pos))
}

// flat compares every row.
func (l *List) flat(q Code, k int, keep func(int) bool, s *scratch) []Near {
	var top []Near
	floor := math.Inf(-1)
	for i := 0; i < len(l.rows); {
		run := l.run(i)
		out := s.dots[:run]
		l.table.dots(q.Bytes, l.rows[i], out)
		scales := l.table.scales[l.rows[i]/chunkRows][l.rows[i]%chunkRows:]
		for j, dot := range out {
			x := float64(dot) * float64(q.Scale) * float64(scales[j])
			if x <= floor || !keep(i+j) {
				continue
			}
			top = append(top, Near{i + j, x})
			if len(top) >= 4*k {
				slices.SortFunc(top, nearer)
				top = top[:k]
				floor = top[k-1].Cosine // a later equal comes after it anyway
			}
		}
		i += run
	}
	slices.SortFunc(top, nearer)
	return top[:min(k, len(top))]
}

// run returns how many rows from position i on lie side by side in a chunk.
func (l *List) run(i int) int {
	first := l.rows[i]
	most := min(len(l.rows)-i, int(chunkRows-first%chunkRows))
	n := 1
	for n < most && l.rows[i+n] == first+uint32(n) {
		n++
	}
	return n
}

// coarse is how many rows the sides pick at least.
const coarse = 2000

// bySides picks, of the positions that are kept, the n whose sides differ
// least from the question's, and all others that differ as little as the last.
func (l *List) bySides(q Code, n int, keep func(int) bool, s *scratch) []int {
	side := make([]uint64, l.words)
	l.side(q, side)
	counts := make([]int, 64*l.words+1)
	s.distances = s.distances[:0]
	for i := range l.rows {
		if !keep(i) {
			s.distances = append(s.distances, dropped)
			continue
		}
		row := l.sides[i*l.words:][:len(side)]
		d := 0
		for w, b := range side {
			d += bits.OnesCount64(b ^ row[w])
		}
		s.distances = append(s.distances, uint16(d))
		counts[d]++
	}
	limit, have := 0, counts[0]
	for have < n && limit+1 < len(counts) {
		limit++
		have += counts[limit]
	}
	picked := make([]int, 0, have)
	for i, d := range s.distances {
		if int(d) <= limit && d != dropped {
			picked = append(picked, i)
		}
	}
	return picked
}

// dropped is the distance of what is not kept.
const dropped = math.MaxUint16

func (l *List) rescored(q Code, k int, positions []int) []Near {
	top := make([]Near, len(positions))
	for i, pos := range positions {
		top[i] = Near{pos, l.At(q, pos)}
	}
	slices.SortFunc(top, nearer)
	return top[:min(k, len(top))]
}

// Stride returns how many bytes a [Code] has that can be compared with the
// list's.
func (l *List) Stride() int { return l.table.stride }
