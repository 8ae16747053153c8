package nlp

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// foundPhrase is what Each reports.
type foundPhrase struct{ Phrase, Start, End int }

func eachPhrase(list []string, text string) []foundPhrase {
	var got []foundPhrase
	NewPhrases(list).Each([]rune(text), func(p, s, e int) { got = append(got, foundPhrase{p, s, e}) })
	slices.SortFunc(got, func(a, b foundPhrase) int {
		return (a.Start-b.Start)*1e6 + (a.End-b.End)*1e3 + a.Phrase - b.Phrase
	})
	return got
}

func TestPhrases(t *testing.T) {
	for _, row := range []struct {
		why, text string
		list      []string
		want      []foundPhrase
	}{
		{"one phrase twice", "着火了着火了", []string{"着火"}, []foundPhrase{{0, 0, 2}, {0, 3, 5}}},
		{"a phrase inside another and one that overlaps", "居住证明", []string{"居住证", "住证", "证明", "居住证明"},
			[]foundPhrase{{0, 0, 3}, {3, 0, 4}, {1, 1, 3}, {2, 2, 4}}},
		{"a phrase that only a fail link finds", "我不想活了", []string{"不想去", "想活"}, []foundPhrase{{1, 2, 4}}},
		{"the same phrase listed twice", "你好", []string{"你好", "你好"}, []foundPhrase{{0, 0, 2}, {1, 0, 2}}},
		{"an empty phrase", "你好", []string{""}, nil},
		{"no text", "", []string{"你"}, nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			if diff := cmp.Diff(row.want, eachPhrase(row.list, row.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// On random words over three characters it finds just what looking for each
// phrase at each place finds.
func TestPhrasesAgainstSearch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteRune([]rune("甲乙丙")[rnd.IntN(3)])
		}
		return b.String()
	}
	for range 200 {
		list := make([]string, 12)
		for i := range list {
			list[i] = word(1 + rnd.IntN(4))
		}
		text := word(40)
		runes := []rune(text)
		var want []foundPhrase
		for i := range runes {
			for n := 1; i+n <= len(runes) && n <= 4; n++ {
				for p, s := range list {
					if s == string(runes[i:i+n]) {
						want = append(want, foundPhrase{p, i, i + n})
					}
				}
			}
		}
		if diff := cmp.Diff(want, eachPhrase(list, text)); diff != "" {
			t.Fatalf("%q in %q (-want +got):\n%s", list, text, diff)
		}
	}
}
