package guard

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/nlp"
)

//go:embed data
var data embed.FS

// ErrData means that a file of the guard breaks its format.
var ErrData = errors.New("guard file")

// The sets that the guard itself reads.
const (
	setHowTo  = "办事" // words that ask how a matter is done
	setFiller = "套话" // words that say nothing
)

// New makes a Guard of the built-in files, and of a city's own when files is
// not nil. A city's file takes the place of the built-in one of its name, even
// when it is empty; any other is added. Their kinds go by their names:
//
//	sets-*.tsv     set, words          words of the same use, <set> in a rule
//	rules-*.tsv    class, strength, rule
//	neutral-*.txt  phrases             what stands inside one does not count
//	replies-*.tsv  class, calls, text  a city's go before the built-in ones
//
// An [ErrData] names the file and line that breaks the format.
func New(files fs.FS) (*Guard, error) {
	builtin, err := fs.Sub(data, "data")
	if err != nil {
		return nil, err
	}
	l := loader{sets: map[string][]string{}, replies: map[Class]Reply{}}
	own := map[string]bool{}
	if files != nil {
		names, err := fs.Glob(files, "*.t[sx][vt]")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			own[n] = true
		}
		l.readAll(files, names)
	}
	names, err := fs.Glob(builtin, "*.t[sx][vt]")
	if err != nil {
		return nil, err
	}
	l.readAll(builtin, slices.DeleteFunc(names, func(n string) bool { return own[n] }))
	g := l.build()
	return g, errors.Join(l.errs...)
}

// A loader gathers what the files say.
type loader struct {
	sets    map[string][]string // words, and <set> for those of another
	rules   []parsedRule
	neutral []string
	replies map[Class]Reply
	errs    []error
}

// A parsedRule is a rule before its words have numbers.
type parsedRule struct {
	rule
	words [][]string // of each term, then of with, then of without
}

func (l *loader) readAll(files fs.FS, names []string) {
	fresh := map[Class]bool{} // replies of this layer
	for _, name := range names {
		kind, _, _ := strings.Cut(name, "-")
		var fn func(where, line string) error
		switch kind + path.Ext(name) {
		case "sets.tsv":
			fn = l.addSet
		case "rules.tsv":
			fn = l.addRule
		case "neutral.txt":
			fn = l.addNeutral
		case "replies.tsv":
			fn = func(_, line string) error { return l.addReply(line, fresh) }
		default:
			l.errs = append(l.errs, fmt.Errorf("%w %s: want sets-*.tsv, rules-*.tsv, neutral-*.txt or replies-*.tsv", ErrData, name))
			continue
		}
		l.read(files, name, fn)
	}
}

func (l *loader) read(files fs.FS, name string, fn func(where, line string) error) {
	f, err := files.Open(name)
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("%w: %w", ErrData, err))
		return
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(sc.Text(), "\ufeff"))
		where := fmt.Sprintf("%s:%d", name, n)
		switch {
		case line == "" || line[0] == '#':
			continue
		case !utf8.ValidString(line):
			err = errors.New("not UTF-8")
		default:
			err = fn(where, line)
		}
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("%w %s: %w", ErrData, where, err))
		}
	}
	if err := sc.Err(); err != nil {
		l.errs = append(l.errs, fmt.Errorf("%w %s: %w", ErrData, name, err))
	}
}

func (l *loader) addSet(_, line string) error {
	name, words, ok := strings.Cut(line, "\t")
	if !ok || name == "" || strings.ContainsAny(name, "<>| ") {
		return errors.New("want set, words")
	}
	for _, w := range strings.Fields(words) {
		if err := checkWord(w); err != nil {
			return err
		}
		l.sets[name] = append(l.sets[name], w)
	}
	return nil
}

func (l *loader) addNeutral(_, line string) error {
	for _, w := range strings.Fields(line) {
		if err := checkWord(w); err != nil {
			return err
		}
		l.neutral = append(l.neutral, w)
	}
	return nil
}

// checkWord refuses a word of which nothing would be left.
func checkWord(w string) error {
	if len(atomOf(w)) == 0 && (!strings.HasPrefix(w, "<") || !strings.HasSuffix(w, ">") || len(w) < 3) {
		return fmt.Errorf("%q has neither Chinese characters nor latin letters nor digits", w)
	}
	return nil
}

// atomOf is the form in which a word is looked for.
func atomOf(w string) []rune {
	if strings.HasPrefix(w, "<") {
		return nil
	}
	return squeeze(nlp.Normalize(w)).runes
}

// addReply reads class, calls as 119=拨打 119（火警）;…, text with \n for a new
// line.
func (l *loader) addReply(line string, fresh map[Class]bool) error {
	cols := strings.Split(line, "\t")
	if len(cols) != 3 || cols[2] == "" {
		return errors.New("want class, calls, text")
	}
	c := Class(cols[0])
	if c.order() < 0 {
		return fmt.Errorf("unknown class %q", cols[0])
	}
	if fresh[c] {
		return fmt.Errorf("a second reply for %s", c)
	}
	fresh[c] = true
	reply := Reply{Text: strings.ReplaceAll(cols[2], `\n`, "\n")}
	for call := range strings.SplitSeq(cols[1], ";") {
		if call == "" {
			continue
		}
		phone, label, ok := strings.Cut(call, "=")
		if !ok || label == "" || len(phone) < 3 || strings.Trim(phone, "0123456789") != "" {
			return fmt.Errorf("call %q: want digits=label", call)
		}
		reply.Calls = append(reply.Calls, Call{label, phone})
	}
	if _, ok := l.replies[c]; !ok { // a city's files are read before the built-in ones
		l.replies[c] = reply
	}
	return nil
}

// addRule reads class, strength, rule. A rule's terms are parted by blanks:
//
//	着火|起火      one of the words
//	<家人>         one of a set's words; can be mixed with words by |
//	家里 着火      in this order, at most usualGap characters apart
//	家里 ~ 着火    in this order, any number of characters apart
//	^你好  再见$   at the very start, at the very end
//	+报警          somewhere in the text
//	-演习          nowhere in the text
func (l *loader) addRule(where, line string) error {
	cols := strings.Split(line, "\t")
	if len(cols) != 3 || len(cols[1]) != 1 || cols[1] < "1" || cols[1] > "3" {
		return errors.New("want class, strength 1 to 3, rule")
	}
	r := parsedRule{rule: rule{order: Class(cols[0]).order(), strength: int(cols[1][0] - '0'), where: where}}
	if r.order < 0 {
		return fmt.Errorf("unknown class %q", cols[0])
	}
	var terms, with, without [][]string
	gap := usualGap
	for _, tok := range strings.Fields(cols[2]) {
		if tok == "~" {
			gap = anyGap
			continue
		}
		sign := tok[0]
		if sign == '+' || sign == '-' {
			tok = tok[1:]
		}
		m := term{gap: gap}
		tok, m.first = strings.CutPrefix(tok, "^")
		tok, m.end = strings.CutSuffix(tok, "$")
		words := strings.Split(tok, "|")
		for _, w := range words {
			if err := checkWord(w); err != nil {
				return err
			}
		}
		switch sign {
		case '+':
			with = append(with, words)
		case '-':
			without = append(without, words)
		default:
			terms = append(terms, words)
			r.terms = append(r.terms, m)
			gap = usualGap
		}
	}
	if len(terms) == 0 || gap != usualGap {
		return errors.New("a rule needs a word, and a word behind ~")
	}
	r.with, r.without = make([]int32, len(with)), make([]int32, len(without))
	r.words = slices.Concat(terms, with, without)
	l.rules = append(l.rules, r)
	return nil
}

// build numbers the words and the slots.
func (l *loader) build() *Guard {
	b := builder{l: l, atomAt: map[string]int32{}, slotAt: map[string]int32{}}
	g := &Guard{howTo: -1, filler: -1, replies: l.replies}
	for i := range l.rules {
		r := &l.rules[i]
		for j, words := range r.words {
			slot := b.slot(r.where, words)
			switch n := j - len(r.terms); {
			case n < 0:
				r.terms[j].slot = slot
			case n < len(r.with):
				r.with[n] = slot
			default:
				r.without[n-len(r.with)] = slot
			}
		}
		g.rules = append(g.rules, r.rule)
	}
	if _, ok := l.sets[setHowTo]; ok {
		g.howTo = b.slot(setHowTo, []string{"<" + setHowTo + ">"})
	}
	if _, ok := l.sets[setFiller]; ok {
		g.filler = b.slot(setFiller, []string{"<" + setFiller + ">"})
	}
	neutral := make([]int32, len(l.neutral))
	for i, w := range l.neutral {
		neutral[i] = b.atom(string(atomOf(w)))
	}
	g.neutral = make([]bool, len(b.atoms))
	for _, a := range neutral {
		g.neutral[a] = true
	}
	g.slots, g.atoms = b.slots, nlp.NewPhrases(b.atoms)
	g.latin = make([]bool, len(b.atoms))
	for i, a := range b.atoms {
		g.latin[i] = isLetter(rune(a[0])) || isLetter(rune(a[len(a)-1]))
	}
	for _, list := range g.slots {
		slices.Sort(list)
	}
	g.byFirst = make([][]int32, len(b.slotAt))
	for i := range g.rules {
		first := g.rules[i].terms[0].slot
		g.byFirst[first] = append(g.byFirst[first], int32(i))
	}
	for _, c := range classes {
		if _, ok := l.replies[c.class]; !ok {
			l.errs = append(l.errs, fmt.Errorf("%w: no reply for %s", ErrData, c.class))
		}
	}
	return g
}

// A builder gives words and slots their numbers.
type builder struct {
	l      *loader
	atoms  []string
	atomAt map[string]int32
	slots  [][]int32 // by atom
	slotAt map[string]int32
}

func (b *builder) atom(s string) int32 {
	i, ok := b.atomAt[s]
	if !ok {
		i = int32(len(b.atoms))
		b.atomAt[s] = i
		b.atoms, b.slots = append(b.atoms, s), append(b.slots, nil)
	}
	return i
}

// slot returns the number of the slot of some words, which rules share.
func (b *builder) slot(where string, words []string) int32 {
	key := strings.Join(words, "|")
	if i, ok := b.slotAt[key]; ok {
		return i
	}
	i := int32(len(b.slotAt))
	b.slotAt[key] = i
	all := map[string]bool{}
	b.expand(where, words, all, nil)
	for _, w := range slices.Sorted(maps.Keys(all)) {
		a := b.atom(w)
		b.slots[a] = append(b.slots[a], i)
	}
	return i
}

// expand gathers the forms of words, and of the sets among them.
func (b *builder) expand(where string, words []string, all map[string]bool, inside []string) {
	for _, w := range words {
		name, isSet := strings.CutPrefix(w, "<")
		if !isSet {
			all[string(atomOf(w))] = true
			continue
		}
		name = strings.TrimSuffix(name, ">")
		set, ok := b.l.sets[name]
		switch {
		case !ok:
			b.l.errs = append(b.l.errs, fmt.Errorf("%w %s: unknown set %q", ErrData, where, name))
		case slices.Contains(inside, name):
			b.l.errs = append(b.l.errs, fmt.Errorf("%w %s: set %q contains itself", ErrData, where, name))
		default:
			b.expand(where, set, all, append(inside, name))
		}
	}
}
