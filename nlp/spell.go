package nlp

import (
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mozillazg/go-pinyin"
)

// A Speller knows how words sound. It turns pinyin into characters
// (gangao tongxingzheng → 港澳通行证) and finds the word that a mistyped one
// sounds like (行标 → 航标). It is immutable.
type Speller struct {
	dict    Dictionary
	lexicon *sounds // shared by all Spellers of a lexicon
	corpus  *sounds
	single  map[rune]int  // how often a character is a word by itself
	inside  map[rune]int  // how often it is a part of one
	free    map[rune]bool // characters that are often words and so are not changed
}

// A Dictionary knows ordinary words, beside those of the corpus and of the
// lexicon. A [Segmenter] that has one implements it.
type Dictionary interface {
	// Known reports whether word is in the dictionary.
	Known(word string) bool
}

// The longest word, in characters, that is compared by its sound, and the
// longest that is looked for in pinyin.
const (
	maxSpelled = 5
	maxTyped   = 8
)

// NewSpeller makes a Speller of the lexicon's words and of those of a corpus,
// each with the number of texts that hold it. dict may be nil.
func NewSpeller(lex *Lexicon, dict Dictionary, words iter.Seq2[string, int]) *Speller {
	s := &Speller{dict: dict, lexicon: lex.sounds(), corpus: newSounds(),
		single: map[rune]int{}, inside: map[rune]int{}, free: lex.free}
	for w, n := range words {
		s.corpus.add(w, n, true)
		s.count(w, n)
	}
	return s
}

// count notes how often each character stands alone.
func (s *Speller) count(word string, n int) {
	if r, size := utf8.DecodeRuneInString(word); size == len(word) {
		s.single[r] += n
		return
	}
	for _, r := range word {
		s.inside[r] += n
	}
}

// known returns how many texts hold a word, and whether it is known at all.
func (s *Speller) known(word string) (n int, ok bool) {
	a, inLexicon := s.lexicon.known[word]
	b, inCorpus := s.corpus.known[word]
	return a + b, inLexicon || inCorpus
}

// bound reports whether a character is hardly ever a word by itself, like 务:
// where it stands alone something is mistyped.
func (s *Speller) bound(r rune) bool {
	return !s.free[r] && 8*s.single[r] < s.inside[r]
}

// sounds are words by the way they sound.
type sounds struct {
	known    map[string]int      // words, by how common they are
	same     map[string][]string // matters' words by their folded syllables
	typed    map[string][]string // all words by their folded letters, for pinyin input
	longest  int                 // letters of the longest of typed
	readings map[rune][]string   // a cache
}

func newSounds() *sounds {
	return &sounds{known: map[string]int{}, same: map[string][]string{}, typed: map[string][]string{}, readings: map[rune][]string{}}
}

// newLexiconSounds takes up the words of a lexicon.
func newLexiconSounds(lex *Lexicon) *sounds {
	s := newSounds()
	for _, w := range lex.Words {
		s.add(w, 1, true)
	}
	for w, names := range lex.spelled() {
		s.add(w, 1, names)
	}
	return s
}

// spelled yields the words of the lexicon that people may spell by sound, and
// whether they name a thing, so that a mistyped word may mean them.
func (lex *Lexicon) spelled() iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		for _, m := range []*matcher{lex.filler, lex.aspects, lex.sitAsked, lex.sitOfficer, lex.everyday} {
			for p := range m.phrases {
				if m == lex.everyday && lex.mistyped[p.value] {
					continue
				}
				if !yield(string(p.runes), m == lex.everyday) {
					return
				}
			}
		}
		for _, list := range lex.synonyms {
			for _, syn := range list {
				if !yield(syn.Official, true) {
					return
				}
			}
		}
	}
}

// add takes up a word that n texts hold; names says whether a mistyped word
// may mean it.
func (s *sounds) add(word string, n int, names bool) {
	count := utf8.RuneCountInString(word)
	if count > maxTyped || strings.IndexFunc(word, func(r rune) bool { return !IsHan(r) }) >= 0 {
		return
	}
	s.known[word] += n
	syllables := s.read(word)
	if syllables == nil {
		return
	}
	for _, key := range product(syllables, "", 4) {
		if !slices.Contains(s.typed[key], word) {
			s.typed[key] = append(s.typed[key], word)
			s.longest = max(s.longest, len(key))
		}
	}
	if !names || count < 2 || count > maxSpelled {
		return
	}
	for _, key := range product(foldAll(syllables), "'", 4) {
		if !slices.Contains(s.same[key], word) {
			s.same[key] = append(s.same[key], word)
		}
	}
}

// read returns the readings of each character of a word, nil if one has none.
func (s *sounds) read(word string) [][]string {
	all := make([][]string, 0, maxTyped)
	for _, r := range word {
		list, ok := s.readings[r]
		if !ok {
			list = readings(r)
			s.readings[r] = list
		}
		if list == nil {
			return nil
		}
		all = append(all, list)
	}
	return all
}

// readings returns the pinyin of a character, several where it has several,
// without tones and with zh, ch, sh, ng as z, c, s, n; nil if it has none.
func readings(r rune) []string {
	marked, ok := pinyin.PinyinDict[int(r)]
	if !ok {
		return nil
	}
	var list []string
	for _, m := range strings.Split(marked, ",") {
		if p := foldLetters(plain(m)); !slices.Contains(list, p) && len(list) < 3 {
			list = append(list, p)
		}
	}
	return list
}

// tones maps vowels with a tone mark to plain ones.
var tones = strings.NewReplacer("ā", "a", "á", "a", "ǎ", "a", "à", "a", "ē", "e", "é", "e", "ě", "e", "è", "e", "ê", "e", "ế", "e", "ề", "e",
	"ī", "i", "í", "i", "ǐ", "i", "ì", "i", "ō", "o", "ó", "o", "ǒ", "o", "ò", "o", "ū", "u", "ú", "u", "ǔ", "u", "ù", "u",
	"ü", "v", "ǖ", "v", "ǘ", "v", "ǚ", "v", "ǜ", "v", "ń", "n", "ň", "n", "ǹ", "n", "ḿ", "m", "̄", "", "̌", "", "̀", "")

func plain(syllable string) string { return tones.Replace(syllable) }

// letters folds what southern speakers and hasty typists confuse.
var letters = strings.NewReplacer("zh", "z", "ch", "c", "sh", "s", "ng", "n", "ü", "v")

func foldLetters(s string) string { return letters.Replace(s) }

// foldAll folds n and l at the beginning of a syllable too.
func foldAll(syllables [][]string) [][]string {
	out := make([][]string, len(syllables))
	for i, list := range syllables {
		for _, p := range list {
			if strings.HasPrefix(p, "n") && len(p) > 1 {
				p = "l" + p[1:]
			}
			if !slices.Contains(out[i], p) {
				out[i] = append(out[i], p)
			}
		}
	}
	return out
}

// product joins one reading of each character in every way, at most a few.
func product(syllables [][]string, sep string, most int) []string {
	keys := []string{""}
	for i, list := range syllables {
		var next []string
		for _, k := range keys {
			for _, p := range list {
				if len(next) == most {
					break
				}
				if i > 0 {
					p = k + sep + p
				}
				next = append(next, p)
			}
		}
		keys = next
	}
	return keys
}

// Unspell turns pinyin in a normalised text into characters, where most of it
// makes words.
func (s *Speller) Unspell(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if c := text[i]; c < 'a' || c > 'z' {
			_, size := utf8.DecodeRuneInString(text[i:])
			b.WriteString(text[i : i+size])
			i += size
			continue
		}
		end := i
		for end < len(text) && (text[end] >= 'a' && text[end] <= 'z' || text[end] == ' ' || text[end] == '\'') {
			end++
		}
		for text[end-1] == ' ' || text[end-1] == '\'' {
			end--
		}
		digit := func(at int) bool { return at >= 0 && at < len(text) && text[at] >= '0' && text[at] <= '9' }
		if words, ok := s.fromPinyin(text[i:end]); ok && !digit(i-1) && !digit(end) {
			b.WriteString(words)
		} else {
			b.WriteString(text[i:end])
		}
		i = end
	}
	return b.String()
}

// leastLetters is the shortest stretch of letters that is taken for pinyin.
const leastLetters = 5

// fromPinyin finds the words that a stretch of letters spells: the fewest and
// commonest. It fails when less than six tenths of the letters belong to words
// of two and more characters.
func (s *Speller) fromPinyin(stretch string) (string, bool) {
	text := foldLetters(strings.NewReplacer(" ", "", "'", "").Replace(stretch))
	if len(text) < leastLetters {
		return "", false
	}
	longest := max(s.lexicon.longest, s.corpus.longest)
	type step struct {
		score float64
		from  int
		word  string
	}
	best := make([]step, len(text)+1)
	for i := range best {
		best[i].score = math.Inf(-1)
	}
	best[0].score = 0
	for i := range text {
		if math.IsInf(best[i].score, -1) {
			continue
		}
		for end := i + 1; end <= len(text) && end-i <= longest; end++ {
			word, known := s.commonest(text[i:end])
			if word == "" {
				continue
			}
			n := float64(utf8.RuneCountInString(word))
			score := best[i].score + n*n + .1*math.Log1p(float64(known)) - 2
			if score > best[end].score {
				best[end] = step{score, i, word}
			}
		}
	}
	if math.IsInf(best[len(text)].score, -1) {
		return "", false
	}
	var words []string
	covered := 0
	for at := len(text); at > 0; at = best[at].from {
		words = append(words, best[at].word)
		if utf8.RuneCountInString(best[at].word) > 1 {
			covered += at - best[at].from
		}
	}
	slices.Reverse(words)
	return strings.Join(words, ""), 10*covered >= 6*len(text)
}

// commonest returns the commonest word of the given letters and how common it
// is; of equals the first by character.
func (s *Speller) commonest(letters string) (word string, most int) {
	for _, list := range [...][]string{s.corpus.typed[letters], s.lexicon.typed[letters]} {
		for _, w := range list {
			if n, _ := s.known(w); n > most || n == most && w < word {
				word, most = w, n
			}
		}
	}
	return word, most
}

// A Respelling is a stretch of a question and the word that it sounds like.
type Respelling struct {
	Start, End int // in runes
	Word       string
}

// Respell finds mistyped words: a stretch that is no word, and a word of the
// same sound that has a character in common with it. Stretches do not
// overlap; longer ones go first.
func (s *Speller) Respell(seg Segmenter, text string) []Respelling {
	runes := []rune(text)
	over := wordsOver(seg, text, len(runes))
	whole := s.wholeWords(seg, text, len(runes))
	var found []Respelling
	taken := make([]bool, len(runes))
	for length := maxSpelled; length >= 2; length-- {
		for i := 0; i+length <= len(runes); i++ {
			end := i + length
			if over[i] > 1 || over[end] > 1 || slices.Contains(taken[i:end], true) || !slices.Contains(whole[i:end], false) {
				continue
			}
			if word := s.respell(runes[i:end], whole[i:end]); word != "" {
				found = append(found, Respelling{i, end, word})
				for j := i; j < end; j++ {
					taken[j] = true
				}
			}
		}
	}
	return found
}

// wholeWords marks the characters that belong to words of two and more.
func (s *Speller) wholeWords(seg Segmenter, text string, n int) []bool {
	whole := make([]bool, n)
	at := runeIndex(text)
	seg.Words(text, func(start, end int) {
		if at[end]-at[start] > 1 && s.isWord(text[start:end]) {
			for i := at[start]; i < at[end]; i++ {
				whole[i] = true
			}
		}
	})
	return whole
}

func (s *Speller) respell(span []rune, whole []bool) string {
	for _, r := range span {
		if !IsHan(r) {
			return ""
		}
	}
	said := string(span)
	if s.isWord(said) {
		return ""
	}
	var syllables [][]string
	for _, r := range span {
		list := readings(r)
		if list == nil {
			return ""
		}
		syllables = append(syllables, list)
	}
	best, most := "", 0
	for _, key := range product(foldAll(syllables), "'", 6) {
		for _, list := range [...][]string{s.corpus.same[key], s.lexicon.same[key]} {
			for _, w := range list {
				if n, _ := s.known(w); (n > most || n == most && w < best) && s.mistyped(span, []rune(w), n, whole) {
					best, most = w, n
				}
			}
		}
	}
	return best
}

// mistyped reports whether a stretch may be a slip for a word of the same
// sound: half of the characters stand, none that changes belongs to a word or
// is often one by itself, and some character hardly ever stands alone.
func (s *Speller) mistyped(span, word []rune, known int, whole []bool) bool {
	same, bound := 0, false
	for i, r := range span {
		bound = bound || s.bound(r)
		switch {
		case r == word[i]:
			same++
		case s.free[r] || whole[i]:
			return false
		}
	}
	return 2*same >= len(span) && bound && (len(span) > 2 || known > 1)
}

func (s *Speller) isWord(w string) bool {
	if _, ok := s.known(w); ok {
		return true
	}
	return s.dict != nil && s.dict.Known(w)
}
