package answer

import (
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/recommend"
)

// after lists what comes after a matter.
func (e *Engine) after(v *view, g *corpus.Guide) []Recommendation {
	var list []Recommendation
	for _, vote := range v.life.Votes(&recommend.Query{About: g.Code, Now: e.Now()}) {
		next, err := e.guide(v, vote.Code)
		if err != nil || len(list) == recommended {
			continue
		}
		list = append(list, Recommendation{vote.Code, next.Name, vote.Reason.Text(recommend.Namer{}), string(vote.Reason.Kind)})
	}
	return list
}
