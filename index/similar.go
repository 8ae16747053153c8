package index

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/govqa/govqa/nlp"
)

// The measures of word similarity. Words that stand near the same words mean
// like things: positive pointwise mutual information of words within a window,
// weighted by nearness, its counts of context smoothed (Levy, Goldberg and
// Dagan, "Improving Distributional Similarity with Lessons Learned from Word
// Embeddings", TACL 2015), reduced by subspace iteration (Halko, Martinsson and
// Tropp, "Finding structure with randomness", SIAM Review 2011).
const (
	wordWindow     = 5       // words to either side
	wordLeast      = 3       // occurrences of a word that has a vector
	wordMost       = 20_000  // words that have one
	wordTokens     = 1 << 21 // words of text looked at; of a larger corpus, a sample of documents
	wordDims       = 64
	contextPower   = .75
	contextShift   = .5 // subtracted from the mutual information
	iterations     = 6
	leastAlike     = .45 // cosine from which words are alike
	alikeCounts    = .8  // of a cosine, beside a word that is really said
	spaceFile      = "words.vec"
	spaceSignature = "govqa words 1\n"
)

// A wordSpace says how alike the corpus's words are in meaning. It belongs to
// a generation of the index and does not change with single publications.
type wordSpace struct {
	ids  map[string]int32
	vecs []float32 // wordDims for each id, of length 1
}

// vector returns the vector of a word, or nil.
func (s *wordSpace) vector(id int32) []float32 {
	if id < 0 {
		return nil
	}
	return s.vecs[int(id)*wordDims : int(id+1)*wordDims]
}

// id returns the number of a word, -1 if it has no vector.
func (s *wordSpace) id(word string) int32 {
	if s == nil {
		return -1
	}
	if id, ok := s.ids[word]; ok {
		return id
	}
	return -1
}

func cosine(a, b []float32) float64 {
	var sum float32
	for i, x := range a {
		sum += x * b[i]
	}
	return float64(sum)
}

// outerWords returns the words of a normalised text that lie in no longer one:
// those of two Chinese characters or more.
func outerWords(seg nlp.Segmenter, text string) []string {
	type span struct{ start, end int }
	var list []span
	seg.Words(text, func(start, end int) {
		if utf8.RuneCountInString(text[start:end]) < 2 || !allHan(text[start:end]) {
			return
		}
		if n := len(list); n > 0 && list[n-1].start <= start && end <= list[n-1].end {
			return
		}
		for n := len(list); n > 0 && start <= list[n-1].start && list[n-1].end <= end; n = len(list) {
			list = list[:n-1] // the shorter words come before the one that holds them
		}
		list = append(list, span{start, end})
	})
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = text[s.start:s.end]
	}
	return words
}

func allHan(s string) bool {
	for _, r := range s {
		if !nlp.IsHan(r) {
			return false
		}
	}
	return true
}

// A wordSample gathers the words of documents until they are many; then it
// keeps those of half of the documents, and so on. Which are kept depends on
// their keys alone, so that the same corpus gives the same sample.
type wordSample struct {
	ids    map[string]int32
	words  []string
	docs   []sampledDoc
	tokens int
	level  uint32 // documents with a hash below are left out
}

type sampledDoc struct {
	hash  uint32
	words []int32
}

func newWordSample() *wordSample { return &wordSample{ids: map[string]int32{}} }

func (s *wordSample) add(key string, words []string) {
	h := fnv.New32a()
	h.Write([]byte(key))
	d := sampledDoc{hash: h.Sum32()}
	if d.hash < s.level || len(words) < 2 {
		return
	}
	d.words = make([]int32, len(words))
	for i, w := range words {
		id, ok := s.ids[w]
		if !ok {
			id = int32(len(s.words))
			w = string([]byte(w)) // not the whole text it lies in
			s.ids[w] = id
			s.words = append(s.words, w)
		}
		d.words[i] = id
	}
	s.docs = append(s.docs, d)
	for s.tokens += len(words); s.tokens > wordTokens; {
		s.level += (math.MaxUint32 - s.level) / 2
		s.docs = slices.DeleteFunc(s.docs, func(d sampledDoc) bool {
			if d.hash < s.level {
				s.tokens -= len(d.words)
				return true
			}
			return false
		})
	}
}

// space computes the vectors.
func (s *wordSample) space() *wordSpace {
	// The sample depends on nothing but the corpus; so must the order.
	slices.SortFunc(s.docs, func(a, b sampledDoc) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), slices.Compare(a.words, b.words))
	})
	counts := make([]int, len(s.words))
	for _, d := range s.docs {
		for _, w := range d.words {
			counts[w]++
		}
	}
	var kept []int32
	for w, n := range counts {
		if n >= wordLeast {
			kept = append(kept, int32(w))
		}
	}
	slices.SortFunc(kept, func(a, b int32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(s.words[a], s.words[b]))
	})
	kept = kept[:min(len(kept), wordMost)]
	sp := &wordSpace{ids: make(map[string]int32, len(kept))}
	number := make([]int32, len(s.words))
	for i := range number {
		number[i] = -1
	}
	for i, w := range kept {
		number[w], sp.ids[s.words[w]] = int32(i), int32(i)
	}
	sp.vecs = s.mutualInformation(number, len(kept)).reduce(len(kept))
	return sp
}

// A sparse is a symmetric matrix, a row after the other.
type sparse struct {
	start []int // of each row in cols and values
	cols  []int32
	vals  []float32
}

// mutualInformation counts which words stand near which, and weighs the pairs.
func (s *wordSample) mutualInformation(number []int32, n int) *sparse {
	near := map[uint64]float32{}
	for _, d := range s.docs {
		for i, w := range d.words {
			a := number[w]
			if a < 0 {
				continue
			}
			for k := 1; k <= wordWindow && i+k < len(d.words); k++ {
				if b := number[d.words[i+k]]; b >= 0 && b != a {
					near[uint64(min(a, b))<<32|uint64(max(a, b))] += 1 / float32(k)
				}
			}
		}
	}
	pairs := make([]uint64, 0, len(near))
	sum, total := make([]float64, n), 0.0
	for p := range near {
		pairs = append(pairs, p)
	}
	slices.Sort(pairs) // maps are in no order, and sums of floats depend on it
	for _, p := range pairs {
		c := float64(near[p])
		sum[p>>32] += c
		sum[uint32(p)] += c
		total += 2 * c
	}
	smooth, smoothTotal := make([]float64, n), 0.0
	for i, x := range sum {
		smooth[i] = math.Pow(x, contextPower)
		smoothTotal += smooth[i]
	}
	m := &sparse{start: make([]int, n+1)}
	type cell struct {
		row, col int32
		v        float32
	}
	var cells []cell
	for _, p := range pairs {
		a, b, c := int32(p>>32), int32(uint32(p)), float64(near[p])
		// Smoothing makes the two directions differ; their mean is symmetric.
		ab := math.Log(c / total * total / sum[a] * smoothTotal / smooth[b])
		ba := math.Log(c / total * total / sum[b] * smoothTotal / smooth[a])
		if v := (ab+ba)/2 - contextShift; v > 0 {
			cells = append(cells, cell{a, b, float32(v)}, cell{b, a, float32(v)})
		}
	}
	slices.SortFunc(cells, func(x, y cell) int { return cmp.Or(cmp.Compare(x.row, y.row), cmp.Compare(x.col, y.col)) })
	m.cols, m.vals = make([]int32, len(cells)), make([]float32, len(cells))
	for i, c := range cells {
		m.cols[i], m.vals[i] = c.col, c.v
		m.start[c.row+1] = i + 1
	}
	for i := 1; i <= n; i++ {
		m.start[i] = max(m.start[i], m.start[i-1])
	}
	return m
}

// times multiplies the matrix with one of wordDims columns.
func (m *sparse) times(x, out []float32) {
	for i := range len(m.start) - 1 {
		row := out[i*wordDims : (i+1)*wordDims]
		clear(row)
		for j := m.start[i]; j < m.start[i+1]; j++ {
			v, from := m.vals[j], x[int(m.cols[j])*wordDims:]
			for k := range row {
				row[k] += v * from[k]
			}
		}
	}
}

// reduce finds the subspace in which the matrix does most, and returns each
// row's place in it, of length 1.
func (m *sparse) reduce(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	q, next := make([]float32, n*wordDims), make([]float32, n*wordDims)
	for i := range q {
		q[i] = float32(rng.NormFloat64())
	}
	for range iterations {
		orthonormal(q, n)
		m.times(q, next)
		q, next = next, q
	}
	for i := range n {
		row := q[i*wordDims : (i+1)*wordDims]
		if length := math.Sqrt(cosine(row, row)); length > 0 {
			for k := range row {
				row[k] /= float32(length)
			}
		}
	}
	return q
}

// orthonormal makes the columns orthogonal and of length 1 (Gram–Schmidt,
// modified, once over: the next multiplication mends what rounding leaves).
func orthonormal(q []float32, n int) {
	for k := range wordDims {
		for j := range k {
			dot := 0.0
			for i := range n {
				dot += float64(q[i*wordDims+j]) * float64(q[i*wordDims+k])
			}
			for i := range n {
				q[i*wordDims+k] -= float32(dot) * q[i*wordDims+j]
			}
		}
		length := 0.0
		for i := range n {
			length += float64(q[i*wordDims+k]) * float64(q[i*wordDims+k])
		}
		if length = math.Sqrt(length); length > 0 {
			for i := range n {
				q[i*wordDims+k] /= float32(length)
			}
		}
	}
}

var errSpace = errors.New("word vectors are damaged")

// encode writes the space with a checksum at the end.
func (s *wordSpace) encode() []byte {
	words := make([]string, len(s.ids))
	for w, id := range s.ids {
		words[id] = w
	}
	b := append([]byte(spaceSignature), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[len(spaceSignature):], uint32(len(words)))
	for _, w := range words {
		b = binary.AppendUvarint(b, uint64(len(w)))
		b = append(b, w...)
	}
	for _, x := range s.vecs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func decodeSpace(b []byte) (*wordSpace, error) {
	head := len(spaceSignature) + 4
	if len(b) < head+4 || string(b[:len(spaceSignature)]) != spaceSignature ||
		crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, errSpace
	}
	n := int(binary.LittleEndian.Uint32(b[len(spaceSignature):]))
	b = b[head : len(b)-4]
	s := &wordSpace{ids: make(map[string]int32, n)}
	for i := range n {
		size, w := binary.Uvarint(b)
		if w <= 0 || uint64(len(b)-w) < size {
			return nil, errSpace
		}
		s.ids[string(b[w:w+int(size)])] = int32(i)
		b = b[w+int(size):]
	}
	if len(b) != 4*n*wordDims {
		return nil, errSpace
	}
	s.vecs = make([]float32, n*wordDims)
	for i := range s.vecs {
		s.vecs[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return s, nil
}

// readSpace reads the vectors of a generation.
func readSpace(path string) (*wordSpace, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("word vectors: %w", err)
	}
	return decodeSpace(b)
}
