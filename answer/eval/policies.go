package eval

import (
	"context"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer"
)

// A JudgedPolicy is a question with the passage of a policy that answers it;
// without a policy it is one that no passage must answer.
type JudgedPolicy struct {
	ID       string   `json:"id"`
	Text     string   `json:"text"`
	Policy   string   `json:"policy"`   // id of the policy to quote
	Article  string   `json:"article"`  // number of the article; empty means the policy as a whole
	Replaced string   `json:"replaced"` // id of what the answer must say is no longer in force
	Says     []string `json:"says"`     // what the answer must say
	Style    string   `json:"style"`
	Writer   int      `json:"writer"`
}

func (r *asking) policies(ctx context.Context, set Set) error {
	for _, q := range set.Policies {
		a, err := r.ask(ctx, q.Text, "")
		if err != nil {
			return err
		}
		quotes := slices.ContainsFunc(a.Facts, func(f answer.Fact) bool { return f.Field == "text" })
		if q.Policy == "" && q.Replaced == "" {
			r.add("policy.beside", quotes)
			if quotes {
				r.miss("policy "+q.ID, q.Text, a)
			}
			continue
		}
		right := q.right(a)
		r.add("policy.right", right)
		r.add("policy.wrong", quotes && !right)
		if q.Replaced != "" {
			r.add("policy.replaced", q.saysReplaced(a))
		}
		if !right {
			r.miss("policy "+q.ID, q.Text, a)
		}
	}
	return nil
}

// right reports whether the answer quotes the passage, or says of a policy
// without successor that it is no longer in force.
func (q *JudgedPolicy) right(a answer.Answer) bool {
	if q.Replaced != "" && !q.saysReplaced(a) {
		return false
	}
	if q.Policy == "" {
		return a.Outcome == answer.NotFound
	}
	said := []string{a.Text}
	quoted := false
	for _, f := range a.Facts {
		said = append(said, f.Value)
		if f.Code == q.Policy && (q.Article == "" || f.Field == "text" && strings.HasSuffix(f.Label, q.Article)) {
			quoted = true
		}
	}
	return quoted && !slices.ContainsFunc(q.Says, func(s string) bool { return !strings.Contains(strings.Join(said, "\n"), s) })
}

func (q *JudgedPolicy) saysReplaced(a answer.Answer) bool {
	return slices.ContainsFunc(a.Facts, func(f answer.Fact) bool { return f.Code == q.Replaced && f.Field == "effective" })
}
