package nlp

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

func loaded(t *testing.T) *Lexicon {
	t.Helper()
	lex, err := LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	return lex
}

// meanings lists what the everyday words of a question stand for.
func meanings(p Parser, text string) (list []string) {
	q := p.Parse(text)
	for _, x := range q.Expansions {
		for _, s := range x.Synonyms {
			list = append(list, fmt.Sprintf("%s→%s %.1f", string(q.Runes[x.Start:x.End]), s.Official, s.Weight))
		}
	}
	return list
}

func TestWordsOfAnEdition(t *testing.T) {
	everywhere := corpus.Word{Word: "豆豆班", Official: []string{"校外托管"}, Confidence: .8, Kind: corpus.WordEveryday}
	both := everywhere
	both.BothWays = true
	inCanton := everywhere
	inCanton.Region.Code, inCanton.Confidence = "440100", 1
	country := everywhere
	country.Region.Code = "000000"
	lex := loaded(t)
	for _, row := range []struct {
		why    string
		words  []*corpus.Word
		region corpus.RegionCode
		text   string
		want   []string
	}{
		{"without words it is as before", nil, "", "开豆豆班要什么手续", meanings(Parser{Segmenter: Bigrams{}, Lexicon: lex}, "开豆豆班要什么手续")},
		{"a word means its term", []*corpus.Word{&everywhere}, "", "我想开豆豆班", []string{"豆豆班→校外托管 0.8"}},
		{"one way only", []*corpus.Word{&everywhere}, "", "校外托管机构", nil},
		{"both ways", []*corpus.Word{&both}, "", "校外托管机构", []string{"校外托管→豆豆班 0.8"}},
		{"a region's word for who asks there", []*corpus.Word{&inCanton}, "440106", "我想开豆豆班", []string{"豆豆班→校外托管 1.0"}},
		{"… and not elsewhere", []*corpus.Word{&inCanton}, "440300", "我想开豆豆班", nil},
		{"… nor where nobody says where", []*corpus.Word{&inCanton}, "", "我想开豆豆班", nil},
		{"the region's confidence goes before that of everywhere", []*corpus.Word{&everywhere, &inCanton}, "440100", "我想开豆豆班", []string{"豆豆班→校外托管 1.0"}},
		{"elsewhere that of everywhere stays", []*corpus.Word{&everywhere, &inCanton}, "110000", "我想开豆豆班", []string{"豆豆班→校外托管 0.8"}},
		{"the whole country is everywhere", []*corpus.Word{&country}, "", "我想开豆豆班", []string{"豆豆班→校外托管 0.8"}},
		{"full width and traditional say the same", []*corpus.Word{{Word: "ＡＢ證", Official: []string{"甲乙证书"}, Confidence: 1}}, "", "办ab证", []string{"ab证→甲乙证书 1.0"}},
		{"marks of the built-in files are mere characters", []*corpus.Word{{Word: "^_^豆班", Official: []string{"校外托管"}, Confidence: 1}}, "", "豆班", nil},
		{"what is the same once normalised says nothing", []*corpus.Word{{Word: "ＡＢ", Official: []string{"ab"}, Confidence: 1}}, "", "ab怎么办", nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			p := Parser{Segmenter: Bigrams{}, Lexicon: lex.With(row.words), Region: row.region}
			if diff := cmp.Diff(row.want, meanings(p, row.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An edition's words leave the built-in lexicon, which other editions use, as
// it was.
func TestWithLeavesTheLexiconAlone(t *testing.T) {
	lex := loaded(t)
	words, pairs := lex.Synonyms()
	before := lex.Standing("自考")
	if len(before) == 0 {
		t.Fatal("the built-in lexicon has no 自考")
	}
	next := lex.With([]*corpus.Word{{Word: "自考", Official: []string{before[0].Official, "别的考试"}, Confidence: .2, Kind: corpus.WordAbbreviation}})
	if w, p := lex.Synonyms(); w != words || p != pairs {
		t.Errorf("%d words and %d pairs became %d and %d", words, pairs, w, p)
	}
	if diff := cmp.Diff(before, lex.Standing("自考")); diff != "" {
		t.Errorf("built-in (-before +after):\n%s", diff)
	}
	got := next.Standing("自考")
	i := slices.IndexFunc(got, func(s Synonym) bool { return s.Official == before[0].Official })
	if i < 0 || got[i].Weight != .2 || len(got) != len(before)+1 {
		t.Errorf("with the edition's words 自考 stands for %v", got)
	}
	if lex.With(nil) != lex {
		t.Error("no words make another lexicon")
	}
}

// A mistyped word of an edition is not what others are taken for a slip of.
func TestTypoOfAnEdition(t *testing.T) {
	lex := loaded(t).With([]*corpus.Word{{Word: "居柱正", Official: []string{"居住证"}, Confidence: 1, Kind: corpus.WordTypo},
		{Word: "豆豆班", Official: []string{"校外托管"}, Confidence: 1, Kind: corpus.WordEveryday}})
	spelled := map[string]bool{}
	for w := range lex.spelled() {
		spelled[w] = true
	}
	if spelled["居柱正"] || !spelled["豆豆班"] || !spelled["校外托管"] {
		t.Errorf("居柱正 %v, 豆豆班 %v, 校外托管 %v", spelled["居柱正"], spelled["豆豆班"], spelled["校外托管"])
	}
}
