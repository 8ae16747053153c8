package quality

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// Of each record that is due it is told once, and again when the next review
// is due.
func TestTellDue(t *testing.T) {
	h := open(t)
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.Local)
	h.pages.Now = func() time.Time { return now }
	for id, updated := range map[string]string{"old": "2026-01-01", "fresh": "2026-11-01", "undated": ""} {
		rec := &corpus.FAQ{Type: corpus.TypeFAQ, ID: id, Question: "问题" + id, Answer: "答", Source: corpus.Source{Updated: updated}}
		if _, err := h.Store.SaveDraft(t.Context(), "editor", store.Edit{Record: rec, Base: 1}); err != nil {
			t.Fatal(err)
		}
	}
	h.publish()
	tell := func() []DueReview {
		var list []DueReview
		err := h.pages.TellDue(t.Context(), func(_ context.Context, d DueReview) error {
			if !strings.HasPrefix(d.Code, "AL-") { // the sample's own
				list = append(list, d)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, step := range []struct {
		when string
		days int
		want []DueReview
	}{
		{"at first", 0, []DueReview{{"faq", "old", "2026-06-30"}}},
		{"at once again", 0, nil},
		{"half a year on", 180, []DueReview{{"faq", "fresh", "2027-04-30"}}},
		{"the day after", 1, nil},
	} {
		now = now.AddDate(0, 0, step.days)
		if diff := cmp.Diff(step.want, tell()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.when, diff)
		}
	}
}
