package ground

import (
	"bufio"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/nlp"
)

//go:embed data
var builtin embed.FS

// Rules are the reviewed ways of saying things.
type Rules struct {
	raw     rawRules
	frames  map[string][]frame // label to the ways of saying it; * for every label
	changes map[token][]change // first token of a formal phrase to the plain ones
	glue    map[token][]glue
	openers [][]token
}

// rawRules are the rules as they are written, for a model.
type rawRules struct {
	ways        map[string][]string // label to the ways of saying it
	glue, plain []string
}

// A frame is one way of saying a field.
type frame []part

// A part of a frame is the field's value, its label, or words.
type part struct {
	value, label bool
	steps        []step
}

// A change is a plain phrase for a formal one.
type change struct {
	from   []token
	behind bool // only behind a number
	by     []token
}

// A glue is words that say nothing. Only a clause may stand between two stops by
// itself: 要 alone would be an answer.
type glue struct {
	words  []token
	clause bool
}

// anyLabel stands for every label.
const anyLabel = "*"

// Load reads the built-in rules.
func Load() (*Rules, error) {
	data, err := fs.Sub(builtin, "data")
	if err != nil {
		return nil, err
	}
	r := &Rules{raw: rawRules{ways: map[string][]string{}}, frames: map[string][]frame{}, changes: map[token][]change{}, glue: map[token][]glue{}}
	for _, f := range []struct {
		name string
		take func(key string, words []string) error
	}{
		{"frames.tsv", r.addFrames}, {"plain.tsv", r.addPlain}, {"glue.tsv", r.addGlue}, {"openers.tsv", r.addOpeners},
	} {
		if err := eachLine(data, f.name, f.take); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// eachLine reads a file of lines: a key, a tab, and words with blanks between
// them; without a tab there is no key.
func eachLine(data fs.FS, name string, take func(string, []string) error) error {
	f, err := data.Open(name)
	if err != nil {
		return fmt.Errorf("ground: %w", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		key, rest, ok := strings.Cut(line, "\t")
		if !ok {
			key, rest = "", line
		}
		if err := take(key, strings.Fields(rest)); err != nil {
			return fmt.Errorf("ground: %s:%d: %w", name, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("ground: %s: %w", name, err)
	}
	return nil
}

// ruleTokens are the tokens of a phrase of the rules.
func ruleTokens(s string) []token { return scan(nil, arabic(nlp.Normalize(s))) }

func (r *Rules) addFrames(label string, ways []string) error {
	for _, w := range ways {
		f, err := parseFrame(w)
		if err != nil {
			return err
		}
		r.frames[label] = append(r.frames[label], f)
		r.raw.ways[label] = append(r.raw.ways[label], unbracket(w))
	}
	return nil
}

// maybe matches what may be left out of a way of saying a field.
var maybe = regexp.MustCompile(`\[([^\]]*)\]`)

// unbracket writes a way of saying a field with the first link and without what
// else may be left out.
func unbracket(way string) string {
	return maybe.ReplaceAllStringFunc(way, func(s string) string {
		if s = s[1 : len(s)-1]; strings.Trim(s, linking) == "" {
			_, n := utf8.DecodeRuneInString(s)
			return s[:n]
		}
		return ""
	})
}

// parseFrame reads a way of saying a field: {l} is its label, {v} its value,
// [是为] one or none of the characters, [请] may be left out.
func parseFrame(way string) (frame, error) {
	var f frame
	for rest := way; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "{v}"):
			f, rest = append(f, part{value: true}), rest[3:]
		case strings.HasPrefix(rest, "{l}"):
			f, rest = append(f, part{label: true}), rest[3:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("%q: no ]", way)
			}
			f, rest = append(f, part{steps: optional(rest[1:end])}), rest[end+1:]
		default:
			end := strings.IndexAny(rest, "{[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, fmt.Errorf("%q: neither {v} nor {l}", way)
			}
			f, rest = append(f, part{steps: plainSteps(ruleTokens(rest[:end]))}), rest[end:]
		}
	}
	if n := slices.IndexFunc(f, func(p part) bool { return p.value }); n < 0 {
		return nil, fmt.Errorf("%q: no {v}", way)
	}
	return f, nil
}

// linking are characters of which one links a label with its value.
const linking = "是为在"

// optional is a phrase that may be left out. Between a label and a value a sign
// may stand for it.
func optional(phrase string) []step {
	list := ruleTokens(phrase)
	if strings.Trim(phrase, linking) == "" {
		s := step{token: token{colon, ""}, drop: true}
		for _, t := range list {
			s.change = append(s.change, plain{1, []token{t}}, plain{1, []token{t, {colon, ""}}})
		}
		return []step{s}
	}
	steps := plainSteps(list)
	steps[0].jump = int32(len(steps))
	return steps
}

func (r *Rules) addPlain(formal string, words []string) error {
	name, behind := strings.CutPrefix(formal, "#")
	from := ruleTokens(name)
	if len(from) == 0 || len(words) == 0 {
		return fmt.Errorf("%q: nothing to change", formal)
	}
	r.raw.plain = append(r.raw.plain, name+"→"+strings.Join(words, "、"))
	for _, w := range words {
		c := change{from: from, behind: behind, by: ruleTokens(w)}
		if len(c.by) == 0 {
			return fmt.Errorf("%q: nothing to change it into", formal)
		}
		r.changes[from[0]] = append(r.changes[from[0]], c)
	}
	return nil
}

func (r *Rules) addGlue(sort string, words []string) error {
	if sort != "词" && sort != "句" {
		return fmt.Errorf("%q: neither 词 nor 句", sort)
	}
	r.raw.glue = append(r.raw.glue, words...)
	for _, w := range words {
		list := ruleTokens(w)
		r.glue[list[0]] = append(r.glue[list[0]], glue{list, sort == "句"})
	}
	return nil
}

func (r *Rules) addOpeners(_ string, words []string) error {
	for _, w := range words {
		r.openers = append(r.openers, ruleTokens(w))
	}
	return nil
}

// sayings are the labels, in the rules, whose ways a fact can be said in. A whole
// text is said as it stands; of an item of a list the number is not part of the
// label.
func sayings(f *Fact) []string {
	switch f.Field {
	case FieldText, "answer", "passage":
		return []string{wholeText}
	}
	return []string{strings.TrimRight(f.Label, "0123456789"), anyLabel}
}

func (r *Rules) framesOf(f *Fact) []frame {
	var list []frame
	for _, s := range sayings(f) {
		list = append(list, r.frames[s]...)
	}
	return list
}

// Ways are the ways of saying a fact, for a model: {v} is its value.
func (r *Rules) Ways(f Fact) []string {
	var list []string
	for _, s := range sayings(&f) {
		for _, w := range r.raw.ways[s] {
			list = append(list, strings.ReplaceAll(w, "{l}", strings.TrimRight(f.Label, "0123456789")))
		}
	}
	return list
}

// ForModel are the words that a model may use beside the facts.
func (r *Rules) ForModel() struct{ Glue, Plain []string } {
	return struct{ Glue, Plain []string }{r.raw.glue, r.raw.plain}
}

// FieldText is the field of a line of an answer's own text.
const FieldText = "line"

// wholeText names, in the rules, a text that is said by itself.
const wholeText = "原文"

// steps are the tokens of a value with the plain words for its formal ones.
func (r *Rules) steps(value []token) []step {
	list := plainSteps(value)
	for i := range list {
		for _, c := range r.changes[list[i].token] {
			if hasPrefix(value[i:], c.from) && (!c.behind || i > 0 && value[i-1].kind == number) {
				list[i].change = append(list[i].change, plain{int32(len(c.from)), c.by})
			}
		}
	}
	return list
}

// opens reports whether a sentence is a courtesy that says nothing.
func (r *Rules) opens(list []token) bool {
	for len(list) > 0 && (list[len(list)-1].kind == stop || list[len(list)-1].kind == colon) {
		list = list[:len(list)-1]
	}
	return slices.ContainsFunc(r.openers, func(o []token) bool { return slices.Equal(o, list) })
}
