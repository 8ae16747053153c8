package answer

import (
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/nlp"
)

// screen is the first stage. It returns the request without personal data,
// and what must be caught before anything is searched, or nil. The code of an
// offered matter, which a button sends, is neither.
func (e *Engine) screen(r Request) (safe Request, caught *guard.Finding) {
	if previous, err := readState(r.State, e.StateKey, e.Now()); err == nil && previous.offers(r.Text) {
		return r, nil
	}
	if f, ok := e.Guard.Check(r.Text); ok {
		caught = &f
	}
	r.Text, _ = guard.Strip(r.Text)
	return r, caught
}

// maskedNotice tells the asker that personal data were left out.
func maskedNotice(asked, safe Request) []string {
	if asked.Text == safe.Text {
		return nil
	}
	return []string{NoticeMasked}
}

// replyCanned answers with the standing text of what was caught. The state
// goes through unchanged, so that the next question still leans on the matter
// talked about before.
func (e *Engine) replyCanned(v *view, r, safe Request, f guard.Finding) (Answer, understood, error) {
	u := understood{request: r, region: r.Region, question: nlp.Question{Aspects: []nlp.Aspect{nlp.AspectOverview}}}
	reply := e.standing(v, f)
	a := Answer{ID: newID(), Outcome: Outcome(f.Outcome), Text: reply.Text, GeneratedBy: ByCanned, Aspect: nlp.AspectOverview,
		Matters: []MatterRef{}, Facts: []Fact{}, Options: []Option{}, Recommendations: []Recommendation{}, Actions: []Action{},
		Notices: append([]string{}, maskedNotice(r, safe)...), Confidence: 1, Edition: v.edition}
	for _, c := range reply.Calls {
		a.Actions = append(a.Actions, Action{"call", c.Label, "tel:" + c.Phone})
	}
	previous, err := readState(r.State, e.StateKey, e.Now())
	if err != nil {
		a.Notices = append(a.Notices, NoticeStateIgnored)
	}
	a.State, err = previous.sign(e.StateKey, e.Now())
	return a, u, err
}
