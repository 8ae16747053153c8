package answer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A split is one question that tells offered matters apart, and what can be
// replied.
type split struct {
	question string
	groups   []group
}

// A group is a reply and the matters that it leaves, by their place among
// those offered.
type group struct {
	label   string
	matters []int
}

// splitOn makes the question that best tells the guides apart: where, as whom,
// or in which situation. ok is false when none does, so that their names are
// offered instead.
func (e *Engine) splitOn(v *view, guides []*corpus.Guide) (s split, ok bool) {
	if s := byRegion(v, guides); len(s.groups) > 1 {
		return s, true
	}
	if s := byAudience(guides); len(s.groups) > 1 {
		return s, true
	}
	if s := e.bySituation(v, guides); len(s.groups) > 1 {
		return s, true
	}
	if s := byMain(guides); len(s.groups) > 1 {
		return s, true
	}
	return split{}, false
}

// byMain asks for the main matter (主项), when that makes a much shorter list
// than the names.
func byMain(guides []*corpus.Guide) split {
	s := split{question: "请问您要办的是哪一类？"}
	for i, g := range guides {
		s.put(mainOf(g), i)
	}
	if n := len(s.groups); n > maxOffered || 2*n > len(guides) {
		return split{}
	}
	return s
}

// mainOf is a guide's main matter, or else its name without what stands in
// brackets at the end.
func mainOf(g *corpus.Guide) string {
	if g.Parent != "" {
		return g.Parent
	}
	if at := strings.IndexAny(g.Name, "(（"); at > 0 {
		return g.Name[:at]
	}
	return g.Name
}

// put adds a matter to the group of a label.
func (s *split) put(label string, matter int) {
	for i := range s.groups {
		if s.groups[i].label == label {
			s.groups[i].matters = append(s.groups[i].matters, matter)
			return
		}
	}
	s.groups = append(s.groups, group{label, []int{matter}})
}

// byRegion asks where, when all guides are of one name.
func byRegion(v *view, guides []*corpus.Guide) split {
	s := split{question: "各地的办法不同，请问您要在哪里办？"}
	for i, g := range guides {
		if g.Name != guides[0].Name || regionName(v, g.Region) == "" {
			return split{}
		}
		s.put(regionName(v, g.Region), i)
	}
	return s
}

// byAudience asks as whom, when each guide is for persons or for others and
// never for both.
func byAudience(guides []*corpus.Guide) split {
	s := split{question: "请问是个人办理，还是单位（企业）办理？"}
	for i, g := range guides {
		if len(g.Audience) == 0 {
			return split{}
		}
		person := slices.Contains(g.Audience, corpus.Person)
		if person && len(g.Audience) > 1 {
			return split{}
		}
		if person {
			s.put("个人办理", i)
		} else {
			s.put("单位（企业）办理", i)
		}
	}
	return s
}

// bySituation asks for the situation, when the names say the same thing and
// each guide but one at most has a situation that not all have.
func (e *Engine) bySituation(v *view, guides []*corpus.Guide) split {
	base := v.parser.Base(guides[0].Name)
	for _, g := range guides[1:] {
		if alike(base, v.parser.Base(g.Name)) < sameThing {
			return split{}
		}
	}
	sets := make([]nlp.SituationSet, len(guides))
	all := ^nlp.SituationSet(0)
	for i, g := range guides {
		sets[i] = e.Lexicon.Situations(e.Segmenter, nlp.Normalize(g.Name))
		all &= sets[i]
	}
	s := split{question: "请问您属于哪一种情况？"}
	without := 0
	for i := range guides {
		label := e.Lexicon.SituationLabel(sets[i] &^ all)
		if label == "" {
			without++
			label = otherSituation
		}
		s.put(label, i)
	}
	if without > 1 || len(s.groups) < 2 {
		return split{}
	}
	return s
}

const otherSituation = "其他情况"

// sameThing is how alike two names must be without their situations.
const sameThing = .6

// replyClarify asks one question back. Its options leave fewer matters; the
// last two leave the questioning.
func (e *Engine) replyClarify(d *verdict, guides []*corpus.Guide, s split, a *Answer) {
	a.Outcome, a.Text = Clarify, s.question
	namesDiffer := slices.ContainsFunc(guides, func(g *corpus.Guide) bool { return g.Name != guides[0].Name })
	for n, g := range s.groups {
		o, line := Option{Label: g.label, Text: g.label}, g.label
		var codes []string
		for _, i := range g.matters {
			codes = append(codes, guides[i].Code)
		}
		if len(codes) == 1 {
			only := guides[g.matters[0]]
			o.Code = only.Code
			if g.label == otherSituation {
				o.Label, line = only.Name, only.Name
			} else if namesDiffer {
				line += "（" + only.Name + "）"
			}
		}
		a.Options = append(a.Options, o)
		a.Text += fmt.Sprintf("\n%d. %s", n+1, line)
		d.pick(o, codes...)
	}
	a.Options = append(a.Options, Option{Label: replyNone, Text: replyNone}, Option{Label: replyShow, Text: replyShow})
	d.outcome = Clarify
}

// pick notes which matters a numbered option stands for.
func (v *verdict) pick(o Option, codes ...string) {
	v.picks = append(v.picks, pick{Texts: slices.Compact([]string{o.Text, o.Label}), Codes: codes})
}
