package api

import (
	"context"
	"slices"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/nlp"
)

// wantsHant reports whether the reader of ctx asked for traditional characters
// by Accept-Language: zh-Hant. Browsers that say zh-TW or zh-HK of themselves
// get the words as they were published: whoever wants others says so.
func wantsHant(ctx context.Context) bool {
	hant, _ := ctx.Value(keyHant).(bool)
	return hant
}

// inScript writes an answer in the characters that its reader wants.
func inScript(ctx context.Context, a answer.Answer) answer.Answer {
	if wantsHant(ctx) {
		return inTraditional(a)
	}
	return a
}

// inTraditional writes what of an answer is shown in traditional characters.
// Codes, addresses, the state and what an option asks stay as they are.
func inTraditional(a answer.Answer) answer.Answer {
	to := nlp.ToTraditional
	a.Text = to(a.Text)
	a.Matters = slices.Clone(a.Matters)
	for i := range a.Matters {
		m := &a.Matters[i]
		m.Name, m.Agency, m.Region = to(m.Name), to(m.Agency), to(m.Region)
	}
	a.Facts = slices.Clone(a.Facts)
	for i := range a.Facts {
		a.Facts[i].Label, a.Facts[i].Value = to(a.Facts[i].Label), to(a.Facts[i].Value)
	}
	a.Options = slices.Clone(a.Options)
	for i := range a.Options {
		a.Options[i].Label = to(a.Options[i].Label)
	}
	a.Recommendations = slices.Clone(a.Recommendations)
	for i := range a.Recommendations {
		r := &a.Recommendations[i]
		r.Name, r.Reason = to(r.Name), to(r.Reason)
	}
	a.Actions = slices.Clone(a.Actions)
	for i := range a.Actions {
		a.Actions[i].Label = to(a.Actions[i].Label)
	}
	return a
}
