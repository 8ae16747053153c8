package answer

import (
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A Section is a part of a guide as text: the fields of one aspect.
type Section struct {
	Label string // in Chinese
	Facts []Fact
}

// Sheet lists the published fields of a guide, each once, by aspect and in the
// order in which people need them.
func Sheet(g *corpus.Guide) []Section {
	var sheet []Section
	seen := map[string]bool{}
	for _, a := range []nlp.Aspect{nlp.AspectDefinition, nlp.AspectCondition, nlp.AspectMaterials, nlp.AspectForms, nlp.AspectProcedure,
		nlp.AspectTimeLimit, nlp.AspectFee, nlp.AspectVisits, nlp.AspectLocation, nlp.AspectPhone, nlp.AspectOnline, nlp.AspectAgent,
		nlp.AspectCrossRegion, nlp.AspectResult, nlp.AspectBasis, nlp.AspectComplaint} {
		s := Section{Label: aspectLabels[a]}
		for _, f := range factsOf(g, a) {
			if key := f.Field + "\x00" + f.Value; !seen[key] {
				seen[key] = true
				s.Facts = append(s.Facts, f)
			}
		}
		if len(s.Facts) > 0 {
			sheet = append(sheet, s)
		}
	}
	return sheet
}
