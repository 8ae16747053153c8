package nlp

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
)

//go:embed data
var data embed.FS

// An Aspect (要素) is one field of a guide that a question can be about. The
// names are those of the API.
type Aspect string

// The aspects. AspectOverview is a question about the matter as a whole.
const (
	AspectOverview    Aspect = "overview"
	AspectMaterials   Aspect = "materials"    // 申请材料
	AspectCondition   Aspect = "condition"    // 受理条件
	AspectProcedure   Aspect = "procedure"    // 办理流程
	AspectTimeLimit   Aspect = "time_limit"   // 办结时限
	AspectFee         Aspect = "fee"          // 收费
	AspectLocation    Aspect = "location"     // 办理地点
	AspectHours       Aspect = "hours"        // 办理时间
	AspectPhone       Aspect = "phone"        // 咨询电话
	AspectComplaint   Aspect = "complaint"    // 监督投诉电话
	AspectProgress    Aspect = "progress"     // 办理进度
	AspectOnline      Aspect = "online"       // 网上办理
	AspectAgent       Aspect = "agent"        // 代办
	AspectCrossRegion Aspect = "cross_region" // 通办范围
	AspectForms       Aspect = "forms"        // 表格样表
	AspectVisits      Aspect = "visits"       // 到办事现场次数
	AspectResult      Aspect = "result"       // 审批结果与有效期
	AspectBasis       Aspect = "basis"        // 设定依据
	AspectDefinition  Aspect = "definition"   // 是什么
	AspectDepartment  Aspect = "department"   // 实施主体
	AspectAudience    Aspect = "audience"     // 服务对象
)

// Aspects lists every aspect in the order of the contract.
var Aspects = []Aspect{
	AspectOverview, AspectMaterials, AspectCondition, AspectProcedure, AspectTimeLimit, AspectFee,
	AspectLocation, AspectHours, AspectPhone, AspectComplaint, AspectProgress, AspectOnline, AspectAgent,
	AspectCrossRegion, AspectForms, AspectVisits, AspectResult, AspectBasis, AspectDefinition,
	AspectDepartment, AspectAudience,
}

// A SituationSet is a set of situation classes (办理情形), a bit for each class
// in the order of its first line in data/situations.tsv.
type SituationSet uint64

// ErrLexicon means that a vocabulary file breaks its format.
var ErrLexicon = errors.New("vocabulary file")

// A Lexicon is the vocabulary: how aspects are asked for, filler words,
// situation words, and words for the segmenter. It is immutable.
type Lexicon struct {
	Words          []string // for the segmenter
	SituationNames []string // class names, by bit

	free       map[rune]bool  // characters that are often words by themselves
	sounds     func() *sounds // of all words, for a [Speller]; made when first asked for
	labels     []string       // of situations, for people, by bit; "" where none is asked for
	filler     *matcher       // value: unused
	aspects    *matcher       // value: aspect index<<8 | strength
	sitAsked   *matcher       // value: class bit index; how citizens say it
	sitOfficer *matcher       // value: class bit index; how names of matters say it
	everyday   *matcher       // value: index into synonyms
	synonyms   [][]Synonym
	mistyped   []bool         // by the same index: the everyday word is a typing error
	regional   bool           // some synonym is meant in one region only
	everydayAt map[string]int // everyday word to index into synonyms, while loading
	print      uint64         // of what texts are indexed by
}

// A Synonym is an official term that an everyday word stands for.
type Synonym struct {
	Official string            // normalised
	Weight   float32           // how surely it is meant, 0..1
	Region   corpus.RegionCode // where it is meant; "" is everywhere
}

// synonymKinds are what an everyday word can be.
var synonymKinds = []string{"colloquial", "abbreviation", "former", "dialect-yue", "dialect-wu", "dialect-sichuan",
	"dialect-northeast", "dialect-min", "dialect-other", "typo", "broader", "verb"}

// LoadLexicon reads the built-in vocabulary. It fails only when a file in
// package data breaks its format, which a test guards.
func LoadLexicon() (*Lexicon, error) {
	sub, err := fs.Sub(data, "data")
	if err != nil {
		return nil, err
	}
	return ReadLexicon(sub)
}

// ReadLexicon reads aspects.tsv, filler.txt, free.txt, situations.tsv, words.txt and
// every lexicon/*.tsv from files. An [ErrLexicon] names the file and line that breaks the format.
func ReadLexicon(files fs.FS) (*Lexicon, error) {
	lex := &Lexicon{filler: newMatcher(), aspects: newMatcher(), sitAsked: newMatcher(), sitOfficer: newMatcher(),
		everyday: newMatcher(), everydayAt: map[string]int{}, free: map[rune]bool{}}
	err := errors.Join(
		eachLine(files, "words.txt", func(line string) error {
			lex.Words = append(lex.Words, strings.Fields(line)...)
			lex.stamp(line)
			return nil
		}),
		eachLine(files, "filler.txt", func(line string) error {
			for _, w := range strings.Fields(line) {
				lex.filler.add(w, 0)
				if r, size := utf8.DecodeRuneInString(w); size == len(w) {
					lex.free[r] = true
				}
			}
			return nil
		}),
		eachLine(files, "free.txt", func(line string) error {
			for _, r := range strings.Join(strings.Fields(line), "") {
				lex.free[r] = true
			}
			return nil
		}),
		eachLine(files, "aspects.tsv", lex.addAspect),
		eachLine(files, "situations.tsv", lex.addSituation),
	)
	names, globErr := fs.Glob(files, "lexicon/*.tsv")
	err = errors.Join(err, globErr)
	for _, name := range names {
		err = errors.Join(err, eachLine(files, name, lex.addSynonym))
	}
	if err != nil {
		return nil, err
	}
	lex.everydayAt = nil
	lex.sounds = sync.OnceValue(func() *sounds { return newLexiconSounds(lex) })
	for _, m := range []*matcher{lex.filler, lex.aspects, lex.sitAsked, lex.sitOfficer, lex.everyday} {
		m.seal()
	}
	return lex, nil
}

func (lex *Lexicon) addAspect(line string) error {
	cols := strings.Split(line, "\t")
	if len(cols) != 3 || len(cols[1]) != 1 || cols[1] < "1" || cols[1] > "3" {
		return errors.New("want aspect, strength 1 to 3, phrases")
	}
	i := slices.Index(Aspects, Aspect(cols[0]))
	if i < 0 {
		return fmt.Errorf("unknown aspect %q", cols[0])
	}
	for _, p := range strings.Fields(cols[2]) {
		lex.aspects.add(p, i<<8|int(cols[1][0]-'0'))
	}
	return nil
}

func (lex *Lexicon) addSituation(line string) error {
	cols := strings.Split(line, "\t")
	if len(cols) != 3 || cols[1] != "q" && cols[1] != "n" && cols[1] != "l" {
		return errors.New("want situation, q, n or l, phrases")
	}
	i := slices.Index(lex.SituationNames, cols[0])
	if i < 0 {
		if i = len(lex.SituationNames); i == 64 {
			return errors.New("more than 64 situations")
		}
		lex.SituationNames = append(lex.SituationNames, cols[0])
		lex.labels = append(lex.labels, "")
	}
	if cols[1] == "l" {
		lex.labels[i] = strings.TrimSpace(cols[2])
		return nil
	}
	m := lex.sitAsked
	if cols[1] == "n" {
		m = lex.sitOfficer
	}
	lex.stamp(line)
	for _, p := range strings.Fields(cols[2]) {
		m.add(p, i)
	}
	return nil
}

// addSynonym reads everyday word, official term, weight, kind.
func (lex *Lexicon) addSynonym(line string) error {
	cols := strings.Split(line, "\t")
	if len(cols) != 4 {
		return errors.New("want everyday word, official term, weight, kind")
	}
	weight, err := strconv.ParseFloat(cols[2], 32)
	if err != nil || weight <= 0 || weight > 1 {
		return fmt.Errorf("weight %q is not in (0, 1]", cols[2])
	}
	if !slices.Contains(synonymKinds, cols[3]) {
		return fmt.Errorf("unknown kind %q", cols[3])
	}
	everyday, official := Normalize(cols[0]), Normalize(cols[1])
	if everyday == "" || official == "" || everyday == official {
		return fmt.Errorf("%q stands for %q", cols[0], cols[1])
	}
	i, ok := lex.everydayAt[everyday]
	if !ok {
		i = len(lex.synonyms)
		lex.everydayAt[everyday] = i
		lex.synonyms = append(lex.synonyms, nil)
		lex.mistyped = append(lex.mistyped, cols[3] == "typo")
		lex.everyday.add(everyday, i)
	}
	for j, known := range lex.synonyms[i] {
		if known.Official == official { // in two files: the surer one counts
			lex.synonyms[i][j].Weight = max(known.Weight, float32(weight))
			return nil
		}
	}
	lex.synonyms[i] = append(lex.synonyms[i], Synonym{Official: official, Weight: float32(weight)})
	return nil
}

// stamp makes a line count in [Lexicon.Print].
func (lex *Lexicon) stamp(line string) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %s", lex.print, line)
	lex.print = h.Sum64()
}

// Print identifies the part of the vocabulary that texts are indexed by: the
// segmenter's words and the situations. With another one they must be indexed
// anew.
func (lex *Lexicon) Print() string { return fmt.Sprintf("%x", lex.print) }

// Synonyms returns how many everyday words the lexicon has, and how many
// pairs of everyday word and official term.
func (lex *Lexicon) Synonyms() (words, pairs int) {
	for _, s := range lex.synonyms {
		pairs += len(s)
	}
	return len(lex.synonyms), pairs
}

// eachLine calls fn for every line of a vocabulary file that is neither empty
// nor a comment.
func eachLine(files fs.FS, name string, fn func(line string) error) error {
	f, err := files.Open(name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLexicon, err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := fn(line); err != nil {
			return fmt.Errorf("%w %s:%d: %w", ErrLexicon, name, n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%w %s: %w", ErrLexicon, name, err)
	}
	return nil
}

// Situations returns the situation classes that the normalised name of a
// matter says (首次, 补发, 注销 …).
func (lex *Lexicon) Situations(seg Segmenter, name string) SituationSet {
	text := []rune(name)
	return lex.sitOfficer.set(text, wordsOver(seg, name, len(text)))
}

// SituationsNamed returns the set of the classes with the given names, as far
// as the vocabulary has them.
func (lex *Lexicon) SituationsNamed(names ...string) SituationSet {
	var s SituationSet
	for i, name := range lex.SituationNames {
		if slices.Contains(names, name) {
			s |= 1 << i
		}
	}
	return s
}

// SituationLabel returns what people call the first class of a set that has a
// label, or "".
func (lex *Lexicon) SituationLabel(set SituationSet) string {
	for i, label := range lex.labels {
		if set&(1<<i) != 0 && label != "" {
			return label
		}
	}
	return ""
}

// AskedSituations returns the situation classes that a normalised question
// says in citizens' words (丢了, 到期, 不想干了 …).
func (lex *Lexicon) AskedSituations(seg Segmenter, text string) SituationSet {
	runes := []rune(text)
	return lex.sitAsked.set(runes, wordsOver(seg, text, len(runes)))
}

// A matcher finds many phrases in a text at once. It looks at the first two
// characters together, because hundreds of phrases begin with the same one.
type matcher struct {
	byFirst map[rune][]phrase    // of one character
	byPair  map[[2]rune][]phrase // of more
}

type phrase struct {
	runes      []rune
	start, end bool // only at the start or the end of a clause
	value      int
}

type match struct {
	start, end int // in runes
	value      int
}

func newMatcher() *matcher { return &matcher{map[rune][]phrase{}, map[[2]rune][]phrase{}} }

// add takes a phrase and normalises it; ^ before it and $ behind it bind it to
// the edge of a clause, and _ stands for a blank.
func (m *matcher) add(s string, value int) {
	p := phrase{value: value}
	s, p.start = strings.CutPrefix(s, "^")
	s, p.end = strings.CutSuffix(s, "$")
	switch p.runes = []rune(Normalize(strings.ReplaceAll(s, "_", " "))); len(p.runes) {
	case 0:
	case 1:
		m.byFirst[p.runes[0]] = append(m.byFirst[p.runes[0]], p)
	default:
		pair := [2]rune(p.runes)
		m.byPair[pair] = append(m.byPair[pair], p)
	}
}

// seal sorts the phrases longest first.
func (m *matcher) seal() {
	for _, ps := range m.byPair {
		slices.SortStableFunc(ps, func(a, b phrase) int { return len(b.runes) - len(a.runes) })
	}
}

// each calls found for every occurrence of every phrase, in the order of
// their first characters and longest first.
func (m *matcher) each(text []rune, found func(match)) {
	for i, r := range text {
		if i+1 < len(text) {
			visit(m.byPair[[2]rune{r, text[i+1]}], text, i, found)
		}
		visit(m.byFirst[r], text, i, found)
	}
}

// phrases yields every phrase.
func (m *matcher) phrases(yield func(phrase) bool) {
	for _, list := range m.byFirst {
		for _, p := range list {
			if !yield(p) {
				return
			}
		}
	}
	for _, list := range m.byPair {
		for _, p := range list {
			if !yield(p) {
				return
			}
		}
	}
}

// visit calls found for those phrases that occur at i.
func visit(phrases []phrase, text []rune, i int, found func(match)) {
	for _, p := range phrases {
		end := i + len(p.runes)
		if end > len(text) || !slices.Equal(p.runes, text[i:end]) ||
			p.start && i > 0 && inClause(text[i-1]) ||
			p.end && end < len(text) && inClause(text[end]) ||
			i > 0 && sameRun(text[i-1], text[i]) ||
			end < len(text) && sameRun(text[end-1], text[end]) {
			continue
		}
		found(match{i, end, p.value})
	}
}

// sameRun reports whether two neighbours belong to one latin word or to one
// number, so that no phrase ends between them: the ata of data is no ATA.
func sameRun(a, b rune) bool {
	letter := func(r rune) bool { return 'a' <= r && r <= 'z' }
	digit := func(r rune) bool { return '0' <= r && r <= '9' }
	return letter(a) && letter(b) || digit(a) && digit(b)
}

// set returns the classes of the phrases in a text. A short phrase inside a
// longer word does not count: the 建 of 建筑师 builds nothing.
func (m *matcher) set(text []rune, over []int) SituationSet {
	var s SituationSet
	m.each(text, func(f match) {
		if !insideWord(over, f) {
			s |= 1 << f.value
		}
	})
	return s
}

// insideWord reports whether a phrase of at most two characters is a part of a
// longer word.
// Nor does one across two words: 一家公司 has no 家公.
func insideWord(over []int, f match) bool {
	length, edge := f.end-f.start, max(over[f.start], over[f.end])
	switch length {
	case 1:
		return edge > 1
	case 2:
		return edge > 2 || edge == 2 && over[f.start+1] == 0
	}
	return false
}

// wordsOver returns, for every boundary between two of the n runes of text,
// the length of the longest word that goes on over it.
func wordsOver(seg Segmenter, text string, n int) []int {
	over := make([]int, n+1)
	at := runeIndex(text)
	seg.Words(text, func(start, end int) {
		length := at[end] - at[start]
		for i := at[start] + 1; i < at[end]; i++ {
			over[i] = max(over[i], length)
		}
	})
	return over
}

// inClause reports whether r goes on with a clause, rather than ending it.
func inClause(r rune) bool {
	return (IsHan(r) || isWordRune(r)) && !strings.ContainsRune("吗呢啊呀吧嘛哦哈啦么的了噢", r)
}
