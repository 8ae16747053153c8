package index

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A feature is one thing that the second stage knows of a question and a
// document.
type feature int

// The features. A "said" character occurs in the question; content
// characters are those of full weight; shares are by inverse document
// frequency among the names of matters.
const (
	featFirst      feature = iota // first-stage score / the best of this question
	featSituations                // situation classes that question and name share
	featSitShare                  // … / classes of the question
	featSitUnasked                // situation classes of the name that the question does not say
	featNameChars                 // BM25 of single characters on the name alone / max(3, the best)
	featNameSaid                  // share of the name that is said
	featNameUnsaid                // idf mass of the name that is not said
	featAskedSeq                  // longest common subsequence of content and name / content
	featNameSeq                   // longest common subsequence of question and name / name
	featSaid                      // share of the question's bigrams found anywhere in the document
	featAlias                     // the fitting name is an everyday name
	featPlaceNamed                // the question names a place and the document is of it
	featPlaceExtra                // no place is named and the document is of a city or county
	featImplied                   // idf mass of the name that everyday words stand for / max(6, the best)
	featUnion                     // share of the content that the names and the main matter say or mean, together
	featRarest                    // rarity among names of the rarest content word that the names say or mean
	featUnmet                     // how surely an everyday word means what the name has not
	featAgency                    // longest common substring of question and agency / agency, from three characters
	featService                   // the name only tells or looks up, and the question does not ask for that
	featCore                      // as featUnion, over the words that say more than a situation
	featSimilar                   // what words alike in the names add to featUnion
	featSitCore                   // sit_share times core
	featMissed                    // rarity among names of the rarest core word that the names neither say nor mean
	featField                     // the field that is asked for is published
	featSibling                   // share said or meant of what tells the name from others with the same main matter
	featWords                     // BM25 of words / the best of this question, for untitled texts like all below
	featPairs                     // BM25 of pairs of characters / the best
	featChars                     // BM25 of single characters / the best
	featLength                    // logarithm of the text's length, by 10
	featLead                      // share of the content's pairs in the first passage
	featPassage                   // share of content bigrams in the best passage of the text
	featPassageSeq                // longest common substring with that passage / content
	featSemantic                  // nearness of meaning among all documents, if there are vectors that can be trusted
	featRerank                    // what a Reranker says among the first, if there is one that can be trusted
	features
)

var featureNames = [features]string{
	"first", "situations", "sit_share", "sit_unasked", "name_chars", "name_said", "name_unsaid",
	"asked_seq", "name_seq", "said", "alias", "place_named", "place_extra", "implied", "union",
	"rarest", "unmet", "agency", "service", "core", "similar", "sit_core", "missed", "field", "sibling", "words", "pairs", "chars", "length", "lead", "passage", "passage_seq",
	"semantic", "rerank",
}

// A featureVector holds the value of every feature for one candidate.
type featureVector [features]float64

// FeatureNames lists the features of the second stage in the order of
// [Hit.Features] and [DefaultWeights].
func FeatureNames() []string { return featureNames[:] }

// DefaultWeights returns the weights of the features for records with a name,
// and those for untitled texts.
func DefaultWeights() (named, untitled []float64) {
	w := defaultWeights()
	return w.named[:], w.untitled[:]
}

// semanticWeight is the weight of the nearest meaning, where vectors can be
// trusted in full: about as much as the best first stage. docs/hybrid.md has what
// other weights reach.
const semanticWeight = 4

// rerankWeight is the same for a Reranker.
const rerankWeight = 4

// weights are the linear models of the second stage: for records with a name
// to compare with, and for untitled texts.
type weights struct{ named, untitled featureVector }

// defaultWeights were fitted (`govqa eval fit`) on the judged needs of a
// province's 2,262 guides, counted twice, and of the sample city, in five folds
// by matter: R@1 .831 of 1,580, .813–.849. Without similar it is .820; core and
// sit_core together are worth .002, and keep a situation from outdoing what the
// matter is of. Untitled texts were fitted on their own.
func defaultWeights() weights {
	return weights{
		named: featureVector{
			featFirst: 5.16, featSituations: 2, featSitShare: .3, featSitUnasked: -.16, featNameChars: 1.66, featNameSaid: 3.08,
			featNameUnsaid: -.028, featAskedSeq: 2.77, featNameSeq: 2.69, featSaid: 5.38, featAlias: -.07, featPlaceNamed: 2.23,
			featPlaceExtra: -1.88, featImplied: .49, featUnion: 2.45, featRarest: -1.8, featUnmet: -1.09, featAgency: 5.74,
			featService: -1.82, featCore: 2.05, featSimilar: 7.7, featSitCore: 2.56, featField: 1.43, featSibling: -.16,
			featSemantic: semanticWeight, featRerank: rerankWeight,
		},
		untitled: featureVector{
			featFirst: 1.8, featSaid: 6.1, featWords: .9, featPairs: 1, featChars: 3.4, featLength: -6.7, featLead: -.67,
			featPassage: 1.6, featPassageSeq: -2.1, featSemantic: semanticWeight,
		},
	}
}

// rank is the second stage: a linear model over the candidates.
func (r *reader) rank(q *Query, found []candidate, mass float64, ix *Index) []Hit {
	asked := newAsked(q.Question, r.chars, r.space)
	hits := make([]Hit, len(found))
	vectors := make([]featureVector, len(found))
	best := featureVector{featFirst: 0, featNameChars: 3, featImplied: 6, featWords: 1, featPairs: 1, featChars: 1}
	for i, c := range found {
		e := r.docs[c.doc]
		hits[i] = hitOf(e)
		hits[i].First = c.total
		if mass > 0 {
			hits[i].Said = min(1, float64(c.said)/mass)
		}
		v := asked.features(e, &hits[i], &ix.weights)
		v[featFirst], v[featSemantic] = c.total, c.semantic
		if len(e.names) == 0 {
			v[featWords], v[featPairs], v[featChars] = float64(c.word), float64(c.bigram), float64(c.char)
		}
		v[featSaid] = hits[i].Said
		v[featAgency] = asked.agency(e.agency)
		if len(e.sits) > 0 && e.sits[0]&ix.telling != 0 && e.sits[0]&ix.telling&q.Question.Situations == 0 {
			v[featService] = 1
		}
		if q.Question.Asked && e.published&(1<<aspectBit(q.Question.Aspect())) != 0 {
			v[featField] = 1
		}
		vectors[i] = v
		for f := range best {
			best[f] = max(best[f], v[f])
		}
	}
	r.siblings(asked, found, hits, vectors)
	for i, c := range found {
		v, e := &vectors[i], r.docs[c.doc]
		for _, f := range relative {
			if best[f] > 0 { // 0 if only meaning has found anything
				v[f] /= best[f]
			}
		}
		v.place(q, e)
		w := &ix.weights.named
		if len(e.names) == 0 {
			w = &ix.weights.untitled
		}
		for f, x := range v {
			hits[i].Score += w[f] * x
		}
		hits[i].ByModel = w[featSemantic] * v[featSemantic]
		hits[i].Features = v[:]
		if q.Explain {
			hits[i].Why = r.explain(q, c, v, w, ix.params.of(q.Type))
		}
	}
	slices.SortFunc(hits, higher)
	return hits
}

// higher puts the higher score first, and equals in the order of their keys.
func higher(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Key.ID, b.Key.ID))
}

// relative are the features that are counted in parts of the best of the
// question's candidates.
var relative = [...]feature{featFirst, featNameChars, featImplied, featWords, featPairs, featChars}

// siblings fills in featSibling: candidates with the same main matter differ
// in a few words of their names, and those decide.
func (r *reader) siblings(a *asked, found []candidate, hits []Hit, vectors []featureVector) {
	groups := map[string][]int{}
	for i, c := range found {
		if p := r.docs[c.doc].parent; p != "" {
			groups[p] = append(groups[p], i)
		}
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		names, have := make([][][2]rune, len(group)), map[[2]rune]int{}
		for j, i := range group {
			names[j] = bigramsOf(hits[i].Name)
			for _, b := range names[j] {
				have[b]++
			}
		}
		for j, i := range group {
			said, total := 0.0, 0.0
			for _, b := range names[j] {
				if 2*have[b] > len(group) {
					continue
				}
				w := r.chars.idf(b[0]) + r.chars.idf(b[1])
				total += w
				said += w * a.saysPair(b)
			}
			if total > 0 {
				vectors[i][featSibling] = said / total
			}
		}
	}
}

// bigramsOf returns the distinct pairs of neighbouring Chinese characters.
func bigramsOf(s string) [][2]rune {
	var list [][2]rune
	prev := rune(0)
	for _, c := range s {
		if !nlp.IsHan(c) {
			prev = 0
			continue
		}
		if b := [2]rune{prev, c}; prev != 0 && !slices.Contains(list, b) {
			list = append(list, b)
		}
		prev = c
	}
	return list
}

func matterOf(e *entry) string {
	if e.key.Type == corpus.TypeGuide {
		return e.key.ID
	}
	return e.matter
}

func (v *featureVector) place(q *Query, e *entry) {
	switch {
	case e.region == "":
	case q.Place != "":
		if e.region.Depth() >= 2 && (q.Place.Within(e.region) || e.region.Within(q.Place)) {
			v[featPlaceNamed] = 1
		}
	case e.region.Depth() >= 2 && q.Filter.Region == "":
		v[featPlaceExtra] = 1
	}
}

// asked is a question made ready for comparison with many names.
type asked struct {
	q       *nlp.Question
	chars   *charStats
	space   *wordSpace
	weight  map[rune]float64 // of each character of the question, its greatest
	all     lcs
	content lcs
	bigrams map[[2]rune]bool // of the content
	text    []rune           // the content
	implied []implied
	words   []contentWord
	pairs   map[[2]rune]float64 // of the whole question and of what it implies
}

// A contentWord is a word of the question's content.
type contentWord struct {
	text  string
	idf   float64           // of its characters, added up
	rare  float64           // 0..1
	core  bool              // says more than a situation
	id    int32             // in the word space, or -1
	alike map[int32]float64 // how alike other words are, as they are asked for
}

// likest is how alike the word and the likest of others are, 0 if none is
// alike enough.
func (w *contentWord) likest(space *wordSpace, others []int32) float64 {
	if w.id < 0 {
		return 0
	}
	best := 0.0
	for _, id := range others {
		x, ok := w.alike[id]
		if !ok {
			if x = cosine(space.vector(w.id), space.vector(id)); x < leastAlike {
				x = 0
			}
			w.alike[id] = x
		}
		best = max(best, x)
	}
	return best
}

// implied is an everyday word of the question and what it stands for.
type implied struct {
	said     string  // the everyday word
	share    float64 // of the question's content
	surest   float64 // the weight of the surest term
	official []officialTerm
}

type officialTerm struct {
	text   string
	runes  []rune
	weight float64
	pairs  [][2]rune
	mass   float64 // idf of the pairs
}

func newAsked(q *nlp.Question, chars *charStats, space *wordSpace) *asked {
	a := &asked{q: q, chars: chars, space: space, weight: map[rune]float64{}, bigrams: map[[2]rune]bool{}, pairs: map[[2]rune]float64{}}
	for i, c := range q.Runes {
		if w := float64(q.Weights[i]); w > 0 {
			a.weight[c] = max(a.weight[c], w)
		}
	}
	a.all = newLCS(q.Runes)
	a.text = []rune(q.Content())
	a.content = newLCS(a.text)
	for i := 1; i < len(a.text); i++ {
		a.bigrams[[2]rune{a.text[i-1], a.text[i]}] = true
	}
	core := q.Core()
	for _, t := range q.Terms {
		if t.Space == nlp.SpaceWord && !t.Implied && t.Weight > .9 {
			w := contentWord{text: t.Text, rare: chars.rarity(t.Text), core: strings.Contains(core, t.Text), id: space.id(t.Text), alike: map[int32]float64{}}
			for _, c := range t.Text {
				w.idf += chars.idf(c)
			}
			a.words = append(a.words, w)
		}
	}
	for i := 1; i < len(q.Runes); i++ {
		a.pairs[[2]rune{q.Runes[i-1], q.Runes[i]}] = 1
	}
	for _, x := range q.Expansions {
		im := implied{said: string(q.Runes[x.Start:x.End]), share: float64(x.End-x.Start) / float64(max(1, len(a.text)))}
		for _, s := range x.Synonyms {
			o := officialTerm{text: s.Official, runes: []rune(s.Official), weight: float64(s.Weight), pairs: bigramsOf(s.Official)}
			for _, b := range o.pairs {
				o.mass += chars.idf(b[0]) + chars.idf(b[1])
				a.pairs[b] = max(a.pairs[b], o.weight)
			}
			im.official, im.surest = append(im.official, o), max(im.surest, o.weight)
		}
		a.implied = append(a.implied, im)
	}
	return a
}

// saysPair reports how surely the question says or means a pair of characters.
func (a *asked) saysPair(b [2]rune) float64 { return a.pairs[b] }

// agency compares the question with an agency's name: people say 省司法厅 for
// 广东省司法厅.
func (a *asked) agency(name string) float64 {
	runes := []rune(name)
	n := commonSubstring(a.q.Runes, runes)
	if n < 3 {
		return 0
	}
	return float64(n) / float64(len(runes))
}

// standsFor reports how surely an everyday word means something in a name,
// and the term.
func (im *implied) standsFor(name string, chars *charStats) (best float64, term *officialTerm) {
	if strings.Contains(name, im.said) {
		return 1, nil // the everyday word is the name's own
	}
	for i := range im.official {
		o := &im.official[i]
		if o.weight <= best {
			continue
		}
		if share := o.in(name, chars); share >= leastMeant && o.weight*share > best {
			best, term = o.weight*share, o
		}
	}
	return best, term
}

// leastMeant is how much of an official term, by rarity, a name must have: 自学考试
// is enough of 高等教育自学考试.
const leastMeant = .35

// means reports whether a word of the question lies in the everyday word and
// one of the names has what that stands for.
func (im *implied) means(word string, names []string, chars *charStats) bool {
	return strings.Contains(im.said, word) && slices.ContainsFunc(names, func(name string) bool {
		sure, _ := im.standsFor(name, chars)
		return sure > 0
	})
}

// in returns the share, by rarity, of the term's pairs of characters that a
// name has; 1 if it has the whole term.
func (o *officialTerm) in(name string, chars *charStats) float64 {
	if strings.Contains(name, o.text) {
		return 1
	}
	if len(o.runes) < 4 || o.mass == 0 {
		return 0
	}
	said := 0.0
	for _, b := range o.pairs {
		if strings.Contains(name, string(b[:])) {
			said += chars.idf(b[0]) + chars.idf(b[1])
		}
	}
	return said / o.mass
}

// features compares the question with the document: with that one of its
// names that fits best, or with its text when it has no name.
func (a *asked) features(e *entry, h *Hit, w *weights) featureVector {
	if len(e.names) == 0 {
		return a.passages(e)
	}
	var best featureVector
	bestSum := 0.0
	for i, name := range e.names {
		v, share := a.name(name, e.sits[i])
		if i > 0 {
			v[featAlias] = 1
		}
		sum := 0.0
		for f, x := range v {
			if feature(f) != featNameChars && feature(f) != featImplied { // not yet scaled
				sum += w.named[f] * x
			}
		}
		if i == 0 || sum > bestSum {
			best, bestSum = v, sum
			h.Name, h.Named, h.Asked = name, v[featNameSaid], min(1, v[featAskedSeq]+share)
		}
	}
	a.union(e, &best)
	best[featSitCore] = best[featSitShare] * best[featCore]
	return best
}

// union fills in the shares of the question's content words, by rarity, that
// all names and the main matter together say, or that an everyday word means
// in one of them, and how rare the rarest of these is.
func (a *asked) union(e *entry, v *featureVector) {
	var said, total, core, coreTotal, alike float64
	for i := range a.words {
		w := &a.words[i]
		total += w.idf
		if w.core {
			coreTotal += w.idf
		}
		if !a.says(e, w.text) {
			near := alikeCounts * w.likest(a.space, e.wordIDs)
			alike += w.idf * near
			if w.core {
				v[featMissed] = max(v[featMissed], w.rare*(1-near))
			}
			continue
		}
		said += w.idf
		if w.core {
			core += w.idf
		}
		v[featRarest] = max(v[featRarest], w.rare)
	}
	if total > 0 {
		v[featUnion], v[featSimilar] = said/total, alike/total
	}
	if coreTotal > 0 {
		v[featCore] = core / coreTotal
	}
}

// says reports whether the names or the main matter say a word, or an everyday
// word that holds it means one of them.
func (a *asked) says(e *entry, word string) bool {
	if strings.Contains(e.parent, word) ||
		slices.ContainsFunc(e.names, func(name string) bool { return strings.Contains(name, word) }) {
		return true
	}
	for i := range a.implied {
		if a.implied[i].means(word, e.names, a.chars) {
			return true
		}
	}
	return false
}

// name compares the question with one name.
func (a *asked) name(name string, sits nlp.SituationSet) (v featureVector, impliedShare float64) {
	var said, total float64
	n := 0
	meant := map[rune]float64{} // characters that everyday words stand for
	share := 0.0
	for i := range a.implied {
		sure, term := a.implied[i].standsFor(name, a.chars)
		v[featUnmet] = max(v[featUnmet], a.implied[i].surest-sure)
		if term == nil {
			continue
		}
		share += sure * a.implied[i].share
		for _, c := range term.runes {
			if sure > meant[c] && strings.ContainsRune(name, c) {
				v[featImplied] += (sure - meant[c]) * a.chars.idf(c)
				meant[c] = sure
			}
		}
	}
	counted := make([]rune, 0, 48)
	for _, c := range name {
		if !nlp.IsHan(c) && !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			continue
		}
		n++
		if slices.Contains(counted, c) {
			continue
		}
		counted = append(counted, c)
		w := a.chars.idf(c)
		total += w
		switch weight, ok := a.weight[c]; {
		case ok:
			said += w
			v[featNameChars] += weight * w
		case meant[c] > 0:
			said += meant[c] * w
		}
	}
	if n == 0 {
		return v, 0
	}
	v[featNameSaid] = said / total
	v[featNameUnsaid] = total - said
	v[featAskedSeq] = float64(a.content.length(name)) / float64(max(1, len(a.text)))
	v[featNameSeq] = float64(a.all.length(name)) / float64(n)
	v[featSituations] = float64(bits.OnesCount64(uint64(sits & a.q.Situations)))
	if a.q.Situations != 0 {
		v[featSitShare] = v[featSituations] / float64(bits.OnesCount64(uint64(a.q.Situations)))
	}
	v[featSitUnasked] = float64(bits.OnesCount64(uint64(sits &^ a.q.Situations)))
	return v, min(1, share)
}

// passageLength is how many characters of a long text are looked at together.
const passageLength = 150

// passages finds the passage of an untitled text that holds most of the
// question's content.
func (a *asked) passages(e *entry) featureVector {
	var v featureVector
	if len(a.bigrams) == 0 {
		return v
	}
	text := []rune(e.text)
	v[featLength] = math.Log(float64(1+len(text))) / 10
	for start := 0; start < len(text); start += passageLength / 2 {
		p := text[start:min(len(text), start+passageLength)]
		seen := map[[2]rune]bool{}
		for i := 1; i < len(p); i++ {
			if b := [2]rune{p[i-1], p[i]}; a.bigrams[b] {
				seen[b] = true
			}
		}
		share := float64(len(seen)) / float64(len(a.bigrams))
		if start == 0 {
			v[featLead] = share
		}
		if share > v[featPassage] {
			v[featPassage] = share
			v[featPassageSeq] = float64(commonSubstring(a.text, p)) / float64(len(a.text))
		}
	}
	return v
}

// commonSubstring returns the length of the longest common substring.
func commonSubstring(a, b []rune) int {
	best := 0
	row := make([]int, len(b)+1)
	for i := range a {
		for j := len(b); j > 0; j-- {
			if a[i] == b[j-1] {
				row[j] = row[j-1] + 1
				best = max(best, row[j])
			} else {
				row[j] = 0
			}
		}
	}
	return best
}

// An lcs computes longest common subsequences of one text with many others,
// 64 characters at a time (Hyyrö, "Bit-parallel LCS-length computation
// revisited", AWOCA 2004).
type lcs struct {
	masks map[rune][]uint64
	n     int
}

func newLCS(text []rune) lcs {
	l := lcs{map[rune][]uint64{}, len(text)}
	words := (len(text) + 63) / 64
	for i, c := range text {
		m := l.masks[c]
		if m == nil {
			m = make([]uint64, words)
			l.masks[c] = m
		}
		m[i/64] |= 1 << (i % 64)
	}
	return l
}

func (l *lcs) length(s string) int {
	if l.n == 0 || s == "" {
		return 0
	}
	words := (l.n + 63) / 64
	var small [5]uint64
	v := small[:]
	if words > len(small) {
		v = make([]uint64, words)
	}
	v = v[:words]
	for i := range v {
		v[i] = ^uint64(0)
	}
	for _, c := range s {
		m := l.masks[c]
		if m == nil {
			continue
		}
		carry := uint64(0)
		for i := range v {
			u := v[i] & m[i]
			var sum uint64
			sum, carry = bits.Add64(v[i], u, carry)
			v[i] = sum | v[i]&^m[i]
		}
	}
	length := 0
	for i, x := range v {
		if i == words-1 && l.n%64 != 0 {
			x |= ^uint64(0) << (l.n % 64)
		}
		length += bits.OnesCount64(^x)
	}
	return length
}
