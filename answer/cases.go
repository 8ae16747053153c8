package answer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// Some materials are asked only of some: of who sends somebody else, or is not
// yet sixteen. These are a guide's cases (情形). Who has asked for the materials
// can say which are theirs, and gets a list of their own.

// leastCases is how many cases a guide must have for asking to be worth it.
const leastCases = 2

// casesOf lists the cases of a guide's materials, in their order.
func casesOf(g *corpus.Guide) []string {
	var list []string
	for _, m := range g.Materials {
		if m.When != "" && !slices.Contains(list, m.When) {
			list = append(list, m.When)
		}
	}
	return list
}

// noCase is the option of who has none of the cases.
const noCase = "都没有"

var noCases = []string{noCase, "都不是", "没有", "都不符合", "一个都没有", "没有以上情形", "以上都没有", "以上都不是"}

var (
	severalOrdinals = regexp.MustCompile(`^(?:我是|我有|我选|选|是|有|符合)?(?:第?(?:[一二两三四五六七八九十]|\d{1,2})(?:个|项|种|条|号)?(?:[,.;、和跟与及 ]|还有)*)+(?:都有|都是|都符合)?[吧的呢了啊 。.!]*$`)
	oneOrdinal      = regexp.MustCompile(`[一二两三四五六七八九十]|\d{1,2}`)
)

// cased reports whether the text says which of the cases that were offered are
// the asker's, and which: by their words or by their numbers.
func (u *understood) cased() ([]string, bool) {
	offered := u.previous.Cases
	if len(offered) == 0 {
		return nil, false
	}
	said := plain(u.request.Text)
	if slices.Contains(noCases, said) {
		return []string{}, true
	}
	var chosen []string
	for _, c := range offered {
		if strings.Contains(said, plain(c)) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) > 0 {
		return chosen, true
	}
	if !severalOrdinals.MatchString(said) {
		return nil, false
	}
	for _, word := range oneOrdinal.FindAllString(said, -1) {
		n := numerals[word]
		if n == 0 {
			n, _ = strconv.Atoi(word) // the expression has let only digits through
		}
		if n < 1 || n > len(offered) {
			return nil, false
		}
		if !slices.Contains(chosen, offered[n-1]) {
			chosen = append(chosen, offered[n-1])
		}
	}
	return chosen, true
}

// personal keeps the materials of everybody and those of the asker's cases.
func (c *composed) personal(g *corpus.Guide, cases []string) {
	left := 0
	for i, m := range g.Materials {
		if m.When != "" && !slices.Contains(cases, m.When) {
			left++
			continue
		}
		c.facts = append(c.facts, quote(g, fmt.Sprintf("materials[%d]", i), fmt.Sprintf("材料%d", i+1), materialLine(m)))
	}
	who := "没有特别情形的"
	if len(cases) > 0 {
		who = "「" + strings.Join(cases, "」「") + "」的"
	}
	c.say("%s，办理「%s」需要以下%d项材料：\n%s", who, g.Name, len(c.facts), numbered(values(c.facts)))
	if left > 0 {
		c.say("另有%d项只在其他情形下要交，没有列出。", left)
	}
}

// askCases offers the cases of a guide whose materials have been listed.
func (v *verdict) askCases(q *nlp.Question, g *corpus.Guide, a *Answer) {
	cases := casesOf(g)
	if !q.Asked || !slices.Contains(q.Aspects, nlp.AspectMaterials) || len(cases) < leastCases || len(cases) > maxOffered {
		return
	}
	v.cases = cases
	a.Text += "\n带【】的材料只在那种情形下要交。您有下面的情形吗？可以说几个（如“1和2”），我只列您要带的：\n" + numbered(cases) +
		"\n（一个也没有，就说“" + noCase + "”）"
	for _, c := range cases {
		a.Options = append(a.Options, Option{Label: c, Text: c})
	}
	a.Options = append(a.Options, Option{Label: noCase, Text: noCase})
}
