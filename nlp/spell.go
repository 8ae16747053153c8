package nlp

import (
	"cmp"
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
	dict   Dictionary
	known  map[string]int      // words, by how common they are
	sounds map[string][]string // matters' words by their folded syllables
	typed  map[string][]string // all words by their folded letters, for pinyin input
	most   int                 // letters of the longest of typed
	single map[rune]int        // how often a character is a word by itself
	inside map[rune]int        // how often it is a part of one
	free   map[rune]bool       // characters that are often words and so are not changed
}

// A Dictionary knows ordinary words, beside those of the corpus and of the
// lexicon. A [Segmenter] that has one implements it.
type Dictionary interface {
	// Known reports whether word is in the dictionary.
	Known(word string) bool
}

// The longest word, in characters, that is compared by its sound.
const maxSpelled = 5

// NewSpeller makes a Speller of the lexicon's words and of those of a corpus,
// each with the number of texts that hold it. dict may be nil.
func NewSpeller(lex *Lexicon, dict Dictionary, words iter.Seq2[string, int]) *Speller {
	s := &Speller{dict: dict, known: map[string]int{}, sounds: map[string][]string{}, typed: map[string][]string{},
		single: map[rune]int{}, inside: map[rune]int{}, free: map[rune]bool{}}
	for _, w := range lex.Words {
		s.add(w, 1, true)
	}
	for w, sounds := range lex.spelled() {
		if s.add(w, 1, sounds); utf8.RuneCountInString(w) == 1 && !sounds {
			r, _ := utf8.DecodeRuneInString(w)
			s.free[r] = true
		}
	}
	for _, r := range lex.free {
		s.free[r] = true
	}
	for w, n := range words {
		s.add(w, n, true)
		s.count(w, n)
	}
	for _, m := range []map[string][]string{s.sounds, s.typed} {
		for _, list := range m {
			slices.SortFunc(list, func(a, b string) int {
				return cmp.Or(cmp.Compare(s.known[b], s.known[a]), cmp.Compare(a, b))
			})
		}
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

// bound reports whether a character is hardly ever a word by itself, like 务:
// where it stands alone something is mistyped.
func (s *Speller) bound(r rune) bool {
	return !s.free[r] && 8*s.single[r] < s.inside[r]
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

// add takes up a word that n texts hold; sounds says whether a mistyped word
// may mean it.
func (s *Speller) add(word string, n int, sounds bool) {
	count := utf8.RuneCountInString(word)
	if count > 8 || strings.IndexFunc(word, func(r rune) bool { return !IsHan(r) }) >= 0 {
		return
	}
	s.known[word] += n
	syllables := readings(word)
	if syllables == nil {
		return
	}
	for _, key := range product(syllables, "", 4) {
		if !slices.Contains(s.typed[key], word) {
			s.typed[key] = append(s.typed[key], word)
			s.most = max(s.most, len(key))
		}
	}
	if !sounds || count < 2 || count > maxSpelled {
		return
	}
	for _, key := range product(foldAll(syllables), "'", 4) {
		if !slices.Contains(s.sounds[key], word) {
			s.sounds[key] = append(s.sounds[key], word)
		}
	}
}

// readings returns the pinyin of each character, several where it has several,
// without tones and with zh, ch, sh, ng as z, c, s, n; nil if one has none.
func readings(word string) [][]string {
	var all [][]string
	for _, r := range word {
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
		all = append(all, list)
	}
	return all
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
		for end := i + 1; end <= len(text) && end-i <= s.most; end++ {
			list := s.typed[text[i:end]]
			if len(list) == 0 {
				continue
			}
			n := float64(utf8.RuneCountInString(list[0]))
			score := best[i].score + n*n + .1*math.Log1p(float64(s.known[list[0]])) - 2
			if score > best[end].score {
				best[end] = step{score, i, list[0]}
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
	syllables := readings(said)
	if syllables == nil {
		return ""
	}
	best, most := "", 0
	for _, key := range product(foldAll(syllables), "'", 6) {
		for _, w := range s.sounds[key] {
			if s.known[w] > most && s.mistyped(span, []rune(w), whole) {
				best, most = w, s.known[w]
			}
		}
	}
	return best
}

// mistyped reports whether a stretch may be a slip for a word of the same
// sound: half of the characters stand, none that changes belongs to a word or
// is often one by itself, and some character hardly ever stands alone.
func (s *Speller) mistyped(span, word []rune, whole []bool) bool {
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
	return 2*same >= len(span) && bound && (len(span) > 2 || s.known[string(word)] > 1)
}

func (s *Speller) isWord(w string) bool {
	if _, ok := s.known[w]; ok {
		return true
	}
	return s.dict != nil && s.dict.Known(w)
}
