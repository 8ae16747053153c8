package sheet

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/govqa/govqa/corpus"
)

const (
	opening = "（(【[《〔“"
	closing = "）)】]》〕”"
)

// marker is the number of a list item: 1. 2、 3） （4） （五） ① 六、
var marker = regexp.MustCompile(`^(?:(\d{1,2})\s*[、)）.．]|[（(]\s*(\d{1,2}|[一二三四五六七八九十]{1,3})\s*[)）]|([一二三四五六七八九十]{1,3})[、.．]|([\x{2460}-\x{2473}]))`)

// numbered splits a numbered list. Only a marker that continues the numbering
// and stands outside brackets, at the start or behind a separator, begins an
// item, so that "2.5元" and "第1、2项" do not. It returns nil if s does not
// start with item 1.
func numbered(s string) []string {
	s = strings.TrimSpace(s)
	var items []string
	start, want, style, depth := 0, 1, 0, 0
	for i, r := range s {
		if depth <= 0 && (i == 0 || separates(s[:i])) {
			if n, form, size := markerAt(s[i:], i == 0 && second.MatchString(s) || newItem(s[:i])); n == want && (want == 1 && i == 0 || want > 1 && form == style) {
				if want > 1 {
					items = append(items, s[start:i])
				}
				start, style = i+size, form
				want++
			}
		}
		if i >= start { // a marker's own bracket opens nothing
			depth = nest(depth, r)
		}
	}
	if want == 1 {
		return nil
	}
	return trimItems(append(items, s[start:]))
}

// separates reports whether a list item may begin after before.
func separates(before string) bool {
	r := []rune(before[max(0, len(before)-4):])
	return strings.ContainsRune("\n;；。,， \t:：、", r[len(r)-1])
}

// second is the second item of a list whose items stand apart.
var second = regexp.MustCompile(`[\n;；]\s*2[.．]`)

// newItem reports whether before ends with a line or a semicolon, behind which
// 4.6个月内的照片 is the fourth item.
func newItem(before string) bool {
	before = strings.TrimRight(before, " \t")
	return strings.HasSuffix(before, "\n") || strings.HasSuffix(before, ";") || strings.HasSuffix(before, "；")
}

// markerAt reads the list marker at the start of s: its number, its form and
// its length in bytes; number 0 if there is none. A dot before a digit is a
// decimal point unless sure.
func markerAt(s string, sure bool) (n, form, size int) {
	m := marker.FindStringSubmatchIndex(s)
	if m == nil {
		return 0, 0, 0
	}
	for group := 1; group <= 4; group++ {
		from, to := m[2*group], m[2*group+1]
		if from < 0 {
			continue
		}
		size = m[1]
		decimal := strings.ContainsAny(s[to:size], ".．") && size < len(s) && s[size] >= '0' && s[size] <= '9'
		if group == 1 && decimal && !sure {
			return 0, 0, 0
		}
		return markerNumber(s[from:to]), group, size
	}
	return 0, 0, 0
}

func markerNumber(text string) int {
	if r := []rune(text)[0]; r >= '①' && r <= '⑳' {
		return int(r-'①') + 1
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	n, err := chineseNumber(text)
	if err != nil {
		return 0
	}
	return n
}

func nest(depth int, r rune) int {
	switch {
	case strings.ContainsRune(opening, r):
		return depth + 1
	case strings.ContainsRune(closing, r):
		return max(0, depth-1)
	}
	return depth
}

// splitOutside splits s at any rune of seps that stands outside brackets.
func splitOutside(s, seps string) []string {
	var items []string
	start, depth := 0, 0
	for i, r := range s {
		depth = nest(depth, r)
		if depth == 0 && strings.ContainsRune(seps, r) {
			items = append(items, s[start:i])
			start = i + len(string(r))
		}
	}
	return trimItems(append(items, s[start:]))
}

func trimItems(items []string) []string {
	for i, s := range items {
		items[i] = strings.Trim(s, " \t\n;；,，。")
	}
	return slices.DeleteFunc(items, func(s string) bool { return s == "" })
}

// splitMaterials splits a cell that lists materials: by its numbers alone if it
// has them, since an item may say 甲；乙, else at lines and semicolons; 、
// separates only where nothing else does.
func splitMaterials(s string) []string {
	if items := numbered(s); items != nil {
		return items
	}
	items := splitOutside(s, "\n;；")
	if len(items) == 1 {
		items = splitOutside(s, "、")
	}
	for i, item := range items { // a list that starts at 2, or numbers only some
		if n, _, size := markerAt(item, false); n > 0 {
			items[i] = strings.TrimSpace(item[size:])
		}
	}
	return trimItems(items)
}

var (
	materialKind   = regexp.MustCompile(`原件或者?复印件|原件[及和与、，,]复印件|原件|复印件`)
	materialCopies = regexp.MustCompile(`(?:各|一式|共)?` + numeral + `份`)
	materialForm   = regexp.MustCompile(`纸质或电子|纸质和电子|纸质|电子版|电子`)
	materialNeed   = regexp.MustCompile(`非必要|容缺后补|可容缺|必要|选填|非必需`)
	lastBracket    = regexp.MustCompile(`[（(]([^（()）]*)[)）]$`)
	materialTail   = regexp.MustCompile(`[\s，,：:]*(原件或者?复印件|原件[及和与、]复印件|原件|复印件)?[\s，,]*((?:各|一式|共)?` + numeral + `份)?$`)
)

// parseMaterial reads one item of a list: 户口簿（复印件2份）, 身份证原件1份. What
// its last bracket holds beyond kind, copies, form and need stays in the name.
func parseMaterial(s string) corpus.Material {
	m := corpus.Material{Name: strings.Join(strings.Fields(s), " ")}
	if b := lastBracket.FindStringSubmatchIndex(m.Name); b != nil {
		if describe(&m, m.Name[b[2]:b[3]]) && b[0] > 0 {
			m.Name = strings.TrimSpace(m.Name[:b[0]])
		}
		return m
	}
	if t := materialTail.FindStringIndex(m.Name); t[0] > 0 && t[0] < t[1] {
		describe(&m, m.Name[t[0]:])
		m.Name = strings.TrimSpace(m.Name[:t[0]])
	}
	return m
}

// describe takes kind, copies, form and need out of a remark and reports
// whether nothing else stands there. A remark with several counts (原件1份，
// 复印件2份) goes to the note, since a material has one.
func describe(m *corpus.Material, remark string) bool {
	kinds := materialKind.FindAllString(remark, -1)
	counts := materialCopies.FindAllStringSubmatch(remark, -1)
	rest := remark
	for _, re := range []*regexp.Regexp{materialKind, materialCopies, materialForm, materialNeed} {
		rest = re.ReplaceAllString(rest, "")
	}
	if strings.Trim(rest, " ，,、；;：:/+和及") != "" && len(counts) == 0 && len(kinds) == 0 {
		return false
	}
	if len(kinds) > 0 {
		m.Kind = kindOf(kinds)
	}
	if len(counts) == 1 {
		if n, err := parseNumber(counts[0][1]); err == nil {
			m.Copies = &n
		}
	}
	if len(counts) > 1 {
		m.Note = strings.TrimSpace(remark)
	}
	if f := materialForm.FindString(remark); f != "" {
		m.Form, _ = materialF.word(f)
	}
	switch need := materialNeed.FindString(remark); need {
	case "可容缺":
		m.Need = "容缺后补"
	case "选填", "非必需":
		m.Need = "非必要"
	default:
		m.Need = need
	}
	return strings.Trim(rest, " ，,、；;：:/+和及") == ""
}

func kindOf(kinds []string) string {
	first := strings.ReplaceAll(kinds[0], "或者", "或")
	switch {
	case strings.Contains(first, "或"):
		return "原件或复印件"
	case first != "原件" && first != "复印件", len(kinds) > 1 && kinds[1] != first:
		return "原件和复印件"
	}
	return first
}

var arrows = regexp.MustCompile(`\s*(?:-+>|=+>|—+>|→|➔|⇒|＞|>>)\s*`)

// splitSteps splits a cell that tells the procedure: numbered, one a line, or
// 申请→受理→审核.
func splitSteps(s string) []string {
	if items := numbered(s); len(items) > 1 {
		return items
	}
	if strings.Contains(s, "\n") {
		return trimItems(strings.Split(s, "\n"))
	}
	return trimItems(arrows.Split(s, -1))
}

var (
	lawName    = regexp.MustCompile(`^《[^》]+》`)
	lawNumber  = regexp.MustCompile(`^\s*[（(〔]([^（()）〔〕]*(?:〔[^〕]*〕)?[^（()）]*(?:号|令)[^（()）]*)[)）〕]`)
	lawArticle = regexp.MustCompile(`^[\s，,：:]*((?:第[\d零一二三四五六七八九十百千]+[条款项目章节][、之和及\d一二三]*)+)`)
)

// parseBasis reads a cell of legal bases. A law begins at a line that starts
// with its title or its number in a list; other lines belong to the law before.
func parseBasis(s string) []corpus.Basis {
	parts := numbered(s)
	if parts == nil {
		for l := range strings.SplitSeq(s, "\n") {
			if l = strings.TrimSpace(l); len(parts) > 0 && !strings.HasPrefix(l, "《") {
				parts[len(parts)-1] += "\n" + l
			} else {
				parts = append(parts, l)
			}
		}
	}
	var all []corpus.Basis
	for _, p := range parts {
		all = append(all, oneBasis(p))
	}
	return all
}

func oneBasis(s string) corpus.Basis {
	s = strings.TrimPrefix(strings.TrimSpace(s), "【法律】")
	name := lawName.FindString(s)
	if name == "" {
		if len([]rune(s)) <= 60 && !strings.Contains(s, "\n") {
			return corpus.Basis{Name: s}
		}
		return corpus.Basis{Text: s}
	}
	b := corpus.Basis{Name: name}
	s = s[len(name):]
	if m := lawNumber.FindStringSubmatch(s); m != nil {
		b.Number, s = strings.TrimSpace(m[1]), s[len(m[0]):]
	}
	if m := lawArticle.FindStringSubmatch(s); m != nil {
		b.Article, s = m[1], s[len(m[0]):]
	}
	b.Text = strings.Trim(s, " ：:，,；;\n\t")
	return b
}

var (
	askMark    = regexp.MustCompile(`(?m)(?:^|[\s；;。])(?:\d{1,2}[.、]\s*)?(?:问题?|Q)\s*\d{0,2}\s*[:：.、]`)
	answerMark = regexp.MustCompile(`(?:答案?|A)\s*\d{0,2}\s*[:：.、]`)
)

// parseQAs reads a cell of questions and answers marked 问： and 答：; nil if it
// is not written so, or a question lacks its answer.
func parseQAs(s string) []corpus.QA {
	at := askMark.FindAllStringIndex(s, -1)
	if len(at) == 0 || strings.TrimSpace(s[:at[0][0]]) != "" {
		return nil
	}
	var all []corpus.QA
	for i, m := range at {
		end := len(s)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		part := s[m[1]:end]
		a := answerMark.FindStringIndex(part)
		if a == nil {
			return nil
		}
		qa := corpus.QA{Q: strings.TrimSpace(part[:a[0]]), A: strings.TrimSpace(part[a[1]:])}
		if qa.Q == "" || qa.A == "" {
			return nil
		}
		all = append(all, qa)
	}
	return all
}
