package fields

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
)

// A Difference is one field that two versions of a record have differently.
type Difference struct {
	Label  string // of the field, in Chinese
	Before string // empty: absent
	After  string
	Pieces []Piece // both, word by word
}

// A Piece is a run of words that both have, or only one.
type Piece struct {
	Op   Op
	Text string
}

// An Op says which version has a piece.
type Op string

// Which version has a piece.
const (
	Both Op = "both"
	Gone Op = "gone"
	Came Op = "came"
)

// A Cutter cuts a text into words, as nlp.Segmenter does: it calls word with
// the offsets of each, shorter words inside longer ones too.
type Cutter func(text string, word func(start, end int))

// Diff lists the fields that differ, in the order of the form. A record that
// is nil has no fields. cut may be nil: then Chinese characters are words.
func Diff(before, after corpus.Record, cut Cutter) ([]Difference, error) {
	old, err := entries(before)
	if err != nil {
		return nil, err
	}
	now, err := entries(after)
	if err != nil {
		return nil, err
	}
	was := map[string]string{}
	for _, e := range old {
		was[e.path] = e.value
	}
	is := map[string]string{}
	var list []Difference
	add := func(label, from, to string) {
		if from != to {
			list = append(list, Difference{label, from, to, Words(from, to, cut)})
		}
	}
	for _, e := range now {
		is[e.path] = e.value
		add(e.label, was[e.path], e.value)
	}
	for _, e := range old {
		if _, ok := is[e.path]; !ok {
			add(e.label, e.value, "")
		}
	}
	return list, nil
}

// An entry is one field of a record with its value as an editor reads it.
type entry struct {
	path, label, value string
}

func entries(rec corpus.Record) ([]entry, error) {
	if rec == nil {
		return nil, nil
	}
	tree, err := Tree(rec)
	if err != nil {
		return nil, err
	}
	var all []entry
	for _, s := range Of(rec.Key().Type) {
		for _, f := range s.Fields {
			if f.Kind == Group {
				all = append(all, groupEntries(f, list(at(tree, f.Key)))...)
				continue
			}
			if text := Show(f, at(tree, f.Key)); text != "" {
				all = append(all, entry{f.Key, f.Label, text})
			}
		}
	}
	for _, key := range rec.UnknownKeys() {
		raw, err := json.Marshal(tree[key])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", rec.Key(), key, err)
		}
		all = append(all, entry{"\x00" + key, key + "（其他字段）", string(raw)})
	}
	return all, nil
}

// groupEntries tells objects apart by their names, so that one that is added
// before the others does not change them; their order is an entry of its own.
func groupEntries(f Field, objects []any) []entry {
	var all []entry
	var order []string
	seen := map[string]int{}
	for _, o := range objects {
		object, _ := o.(map[string]any)
		id := strings.Join(texts(object[f.Name]), "")
		if id == "" {
			var all strings.Builder
			for _, item := range f.Items {
				all.WriteString(Show(item, object[item.Key]))
			}
			id = all.String()
		}
		if seen[id]++; seen[id] > 1 {
			id = fmt.Sprintf("%s（第 %d 个）", id, seen[id])
		}
		order = append(order, id)
		for _, item := range f.Items {
			if text := Show(item, object[item.Key]); text != "" {
				all = append(all, entry{f.Key + "[" + id + "]." + item.Key, f.Label + "「" + short(id) + "」" + item.Label, text})
			}
		}
	}
	if len(order) > 1 {
		all = append(all, entry{f.Key + "[]", f.Label + "的次序", strings.Join(order, "、")})
	}
	return all
}

// short is a name that fits into a label.
func short(s string) string {
	if r := []rune(s); len(r) > 20 {
		return string(r[:20]) + "…"
	}
	return s
}

// Show is a value of a field as an editor reads it, "" if there is none.
func Show(f Field, value any) string {
	switch x := value.(type) {
	case nil:
		return ""
	case bool:
		if x {
			return "是"
		}
		return "否"
	case map[string]any:
		raw, err := json.Marshal(x)
		var l corpus.Limit
		if err != nil || json.Unmarshal(raw, &l) != nil {
			return string(raw)
		}
		return l.String()
	}
	if f.Kind == Boxes {
		return strings.Join(texts(value), "、")
	}
	return strings.Join(texts(value), "\n")
}

// Words compares two texts word by word; line by line where they differ too
// much for that.
func Words(before, after string, cut Cutter) []Piece {
	if before == "" || after == "" {
		return replaced(nil, before, after)
	}
	if list, ok := align(tokens(before, cut), tokens(after, cut)); ok {
		return list
	}
	if list, ok := align(strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")); ok {
		return list
	}
	return replaced(nil, before, after)
}

func replaced(list []Piece, gone, came string) []Piece {
	if gone != "" {
		list = append(list, Piece{Gone, gone})
	}
	if came != "" {
		list = append(list, Piece{Came, came})
	}
	return list
}

// align compares two lists of words by a shortest edit script, and reports
// whether that was short enough to be found.
func align(a, b []string) (list []Piece, ok bool) {
	path, ok := script(a, b)
	if !ok {
		return nil, false
	}
	var both, gone, came strings.Builder
	end := func() { // of a run of changes, or of what both have
		if both.Len() > 0 {
			list = append(list, Piece{Both, both.String()})
		}
		list = replaced(list, gone.String(), came.String())
		both.Reset()
		gone.Reset()
		came.Reset()
	}
	for _, step := range path {
		switch {
		case step.same:
			if gone.Len()+came.Len() > 0 {
				end()
			}
			both.WriteString(a[step.a])
		case step.a >= 0:
			gone.WriteString(a[step.a])
		default:
			came.WriteString(b[step.b])
		}
	}
	end()
	return list, true
}

// A move is one step of an edit script: a word of both, of a alone (b is -1)
// or of b alone (a is -1).
type move struct {
	a, b int
	same bool
}

// The longest script that is looked for, and the most work that is spent.
const (
	maxScript = 1500
	maxWork   = 60_000_000
)

// script finds a shortest edit script (Myers, An O(ND) Difference Algorithm,
// 1986), and reports whether one is short enough.
func script(a, b []string) ([]move, bool) {
	limit := min(len(a)+len(b), maxScript, maxWork/(len(a)+len(b)+1))
	offset := limit + 1
	reach := make([]int, 2*limit+3) // by diagonal: how far into a a script has come
	var trace [][]int               // reach before each round, of the diagonals that it can have touched
	for d := range limit + 1 {
		trace = append(trace, slices.Clone(reach[offset-d-1:offset+d+2]))
		for k := -d; k <= d; k += 2 {
			x := reach[offset+k-1] + 1
			if k == -d || k != d && reach[offset+k-1] < reach[offset+k+1] {
				x = reach[offset+k+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			reach[offset+k] = x
			if x >= len(a) && x-k >= len(b) {
				return walkBack(trace, len(a), len(b)), true
			}
		}
	}
	return nil, false
}

// walkBack reads the script out of the traces.
func walkBack(trace [][]int, x, y int) []move {
	var path []move
	for d := len(trace) - 1; d >= 0; d-- {
		at := func(k int) int { return trace[d][k+d+1] }
		k := x - y
		from := k - 1
		if k == -d || k != d && at(k-1) < at(k+1) {
			from = k + 1
		}
		px := at(from)
		py := px - from
		if d == 0 {
			px, py = 0, 0
		}
		for x > px && y > py {
			x, y = x-1, y-1
			path = append(path, move{x, y, true})
		}
		switch {
		case d == 0:
		case x == px:
			y--
			path = append(path, move{-1, y, false})
		default:
			x--
			path = append(path, move{x, -1, false})
		}
	}
	slices.Reverse(path)
	return path
}

// tokens cuts a text into words and what lies between them; joined they are
// the text again. A number stays whole, so that 15 for 5 is one change.
func tokens(text string, cut Cutter) []string {
	ends := make([]int, len(text)) // of the longest word that begins at an offset
	if cut != nil {
		cut(text, func(start, end int) {
			if start >= 0 && start < end && end <= len(text) {
				ends[start] = max(ends[start], end)
			}
		})
	}
	var all []string
	for i := 0; i < len(text); {
		end := ends[i]
		if run := latin(text[i:]); run > 0 {
			end = i + run
		}
		if end <= i {
			_, size := utf8.DecodeRuneInString(text[i:])
			end = i + size
		}
		all = append(all, text[i:end])
		i = end
	}
	return all
}

// latin is the length of the run of letters and digits that a text begins with.
func latin(text string) int {
	n := strings.IndexFunc(text, func(r rune) bool {
		return r >= 0x80 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !slices.Contains([]rune{'.', '-', '%'}, r)
	})
	if n < 0 {
		return len(text)
	}
	return n
}
