package index

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// What a search leaves out is told, with the reason, and nothing else is.
func TestRefused(t *testing.T) {
	in := func(from, to string) func(*corpus.Guide) {
		return func(g *corpus.Guide) { g.Effective = corpus.Period{From: from, To: to} }
	}
	m := newMemory()
	m.publish([]corpus.Record{
		guide("here", "养犬登记", region("440104")),
		guide("there", "养犬登记", region("110101")),
		guide("old", "养犬登记", in("", "2025-12-31")),
		guide("soon", "养犬登记", in("2027-01-01", "")),
		guide("company", "养犬登记", func(g *corpus.Guide) { g.Audience = []corpus.Audience{"企业法人"} }),
		guide("passport", "普通护照换发"),
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: "f", Question: "养犬登记怎么办", Counter: []string{"养犬登记在哪注销"}, Answer: "到窗口"},
	})
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	p := nlp.Parser{Segmenter: nlp.Bigrams{}, Lexicon: ix.analyzer.lex}
	q := p.Parse("养犬登记在哪注销")
	filter := Filter{Region: "440104", Audience: corpus.AudienceSetOf([]corpus.Audience{"自然人"}), On: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}
	for typ, want := range map[corpus.Type]map[string]Refusal{
		corpus.TypeGuide: {"there": RefusedRegion, "old": RefusedExpired, "soon": RefusedYet, "company": RefusedAudience},
		corpus.TypeFAQ:   {"f": RefusedCounter},
	} {
		refused, err := ix.Refused(t.Context(), Query{Question: &q, Type: typ, Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Refusal{}
		for _, r := range refused {
			got[r.Key.ID] = r.Refusal
			if r.First <= 0 {
				t.Errorf("%s has no score", r.Key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", typ, diff)
		}
	}
}
