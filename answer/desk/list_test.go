package desk

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// ranked makes candidates of "code:rank".
func ranked(list ...string) []answer.Candidate {
	var out []answer.Candidate
	for _, s := range list {
		code, rank, _ := strings.Cut(s, ":")
		c := answer.Candidate{MatterRef: answer.MatterRef{Code: code}}
		for _, r := range rank {
			c.Rank = c.Rank*10 + float64(r-'0')
		}
		out = append(out, c)
	}
	return out
}

func TestArrange(t *testing.T) {
	for _, tt := range []struct {
		why      string
		shown    []string
		fresh    []answer.Candidate
		selected string
		complete bool
		want     string
	}{
		{"the first list is as it was found", nil, ranked("a:5", "b:3"), "", false, "a b"},
		{"an item that is a little better stays below", []string{"b", "a"}, ranked("a:5", "b:4"), "", false, "b a"},
		{"one that is better by more than the margin goes up", []string{"b", "a"}, ranked("a:7", "b:4"), "", false, "a b"},
		{"a new one comes in from below", []string{"b", "a"}, ranked("c:6", "b:5", "a:4"), "", false, "b c a"},
		{"a new one that beats all goes up", []string{"b", "a"}, ranked("c:9", "b:5", "a:4"), "", false, "c b a"},
		{"what is no longer found goes", []string{"b", "a"}, ranked("a:4"), "", false, "a"},
		{"the selected one stays under the cursor", []string{"b", "a"}, ranked("c:9", "a:8", "b:1"), "b", false, "b a c"},
		{"in the middle, too", []string{"b", "a", "d"}, ranked("c:9", "d:8", "a:7", "b:1"), "a", false, "d a c b"},
		{"complete words bring the order of every channel", []string{"b", "a"}, ranked("a:5", "b:4"), "", true, "a b"},
		{"but for the selected one", []string{"b", "a"}, ranked("a:5", "b:4"), "b", true, "b a"},
		{"a list is not longer than it may be", nil, ranked("a:9", "b:8", "c:7", "d:6", "e:5", "f:4", "g:3"), "", true, "a b c d e f"},
		{"nothing found", []string{"a"}, nil, "a", false, ""},
	} {
		var codes []string
		for _, c := range Arrange(tt.shown, tt.fresh, tt.selected, tt.complete, Margin) {
			codes = append(codes, c.Code)
		}
		if got := strings.Join(codes, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
}

// Whatever was shown, no item is lost, none is doubled, and the selected one
// keeps its place.
func FuzzArrange(f *testing.F) {
	f.Add("abc", "cab", "b", false)
	f.Add("", "a", "", true)
	f.Fuzz(func(t *testing.T, shown, fresh, selected string, complete bool) {
		split := func(s string) (list []string) {
			for _, r := range s {
				if c := string(r); !strings.Contains(strings.Join(list, "\x00")+"\x00", c+"\x00") {
					list = append(list, c)
				}
			}
			return list[:min(len(list), ListLength)]
		}
		before, codes := split(shown), split(fresh)
		var found []answer.Candidate
		for i, c := range codes {
			found = append(found, answer.Candidate{MatterRef: answer.MatterRef{Code: c}, Rank: float64(len(codes) - i)})
		}
		got := Arrange(before, found, selected, complete, Margin)
		if len(got) != len(codes) {
			t.Fatalf("%d items of %d", len(got), len(codes))
		}
		seen := map[string]bool{}
		for i, c := range got {
			if seen[c.Code] {
				t.Fatalf("%q is there twice", c.Code)
			}
			seen[c.Code] = true
			if c.Code == selected {
				for j, b := range before {
					if b == selected && min(j, len(got)-1) != i {
						t.Fatalf("the selected item went from %d to %d", j, i)
					}
				}
			}
		}
	})
}

func TestHeardTexts(t *testing.T) {
	long := strings.Repeat("说", maxHeard-2)
	for _, tt := range []struct {
		why   string
		heard Heard
		want  []string
	}{
		{"nothing", Heard{}, nil},
		{"only idle words", Heard{Lines: []string{"喂，你好", "嗯嗯。", "对对，好的"}}, nil},
		{"what is typed goes first", Heard{Typed: " 居住证 ", Lines: []string{"我想办个证"}}, []string{"居住证"}},
		{"one line", Heard{Lines: []string{"居住证要什么材料"}}, []string{"居住证要什么材料"}},
		{"lines together, the last three, the last", Heard{Lines: []string{"孩子刚出生", "你好", "想上户口", "我住在外地", "要带什么"}},
			[]string{"孩子刚出生，想上户口，我住在外地，要带什么", "想上户口，我住在外地，要带什么", "要带什么"}},
		{"what was said long ago is forgotten", Heard{Lines: []string{long, "身份证丢了", long}}, []string{long}},
	} {
		if diff := cmp.Diff(tt.want, tt.heard.texts()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
	}
}

func TestBands(t *testing.T) {
	for confidence, want := range map[float64]Band{1: High, .9: High, .89: Middle, .5: Middle, .49: Low, 0: Low} {
		if got := BandOf(confidence); got != want || got.Label() == "" {
			t.Errorf("%v is %s, want %s", confidence, got, want)
		}
	}
}
