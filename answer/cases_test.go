package answer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCasesSaid(t *testing.T) {
	offered := []string{"未满十六周岁", "以稳定就业申请", "委托他人办理"}
	for _, row := range []struct {
		text string
		want []string
		said bool
	}{
		{"1和3", []string{"未满十六周岁", "委托他人办理"}, true},
		{"第一个，还有第三个", []string{"未满十六周岁", "委托他人办理"}, true},
		{"选2", []string{"以稳定就业申请"}, true},
		{"委托他人办理", []string{"委托他人办理"}, true},
		{"我是未满十六周岁的，委托他人办理", []string{"未满十六周岁", "委托他人办理"}, true},
		{"都没有", []string{}, true},
		{"没有以上情形。", []string{}, true},
		{"第九个", nil, false},
		{"要多少钱", nil, false},
		{"2个人去行吗", nil, false},
	} {
		u := understood{request: Request{Text: row.text}, previous: state{Matter: "a", Cases: offered}}
		got, said := u.cased()
		if diff := cmp.Diff(row.want, got); diff != "" || said != row.said {
			t.Errorf("%s: said %v, want %v (-want +got):\n%s", row.text, said, row.said, diff)
		}
	}
	u := understood{request: Request{Text: "1和3"}}
	if got, said := u.cased(); said {
		t.Errorf("cases %v without any offered", got)
	}
}

// Who says which cases are theirs gets the materials of all and of those.
func TestPersonalMaterials(t *testing.T) {
	e := sampleEngine(t)
	first := ask(t, e, Request{Text: "居住证申领要什么材料"})
	if len(first.Options) < 3 || !strings.Contains(first.Text, "您有下面的情形吗") {
		t.Fatalf("no cases are offered:\n%s", first.Text)
	}
	one := first.Options[0].Label
	mine := ask(t, e, Request{Text: "1", State: first.State})
	none := ask(t, e, Request{Text: noCase, State: first.State})
	if mine.Outcome != Answered || len(mine.Facts) >= len(first.Facts) || len(none.Facts) >= len(mine.Facts) {
		t.Errorf("%d materials in all, %d for %s, %d without any case", len(first.Facts), len(mine.Facts), one, len(none.Facts))
	}
	for _, f := range mine.Facts {
		if strings.Contains(f.Value, "【") && !strings.Contains(f.Value, "【"+one+"】") {
			t.Errorf("for %s: %s", one, f.Value)
		}
	}
	for _, f := range none.Facts {
		if strings.Contains(f.Value, "【") {
			t.Errorf("without any case: %s", f.Value)
		}
	}
	if next := ask(t, e, Request{Text: "要多久", State: mine.State}); next.Outcome != Answered || next.Matters[0].Code != first.Matters[0].Code {
		t.Errorf("after the personal list the matter is lost: %s", next.Text)
	}
}

// What is published elsewhere is said to be so, and not replaced by what is
// published here.
func TestFitsElsewhere(t *testing.T) {
	e := sampleEngine(t)
	there := ask(t, e, Request{Text: "养犬登记怎么办", Region: "990101"})
	if there.Outcome != Answered {
		t.Fatalf("where it is published: %s: %s", there.Outcome, there.Text)
	}
	here := ask(t, e, Request{Text: "养犬登记怎么办", Region: "990103"})
	if here.Outcome != NotFound || len(here.Facts)+len(here.Matters) > 0 {
		t.Errorf("where it is not: %s with %d facts", here.Outcome, len(here.Facts))
	}
	says(t, here.Text, []string{"听涛区", "锦川区", "12345"})
	chosen := ask(t, e, Request{Text: here.Options[0].Code, State: here.State, Region: "990103"})
	if chosen.Outcome != Answered || first(chosen) != first(there) {
		t.Errorf("the guide of elsewhere, asked for: %s: %s", chosen.Outcome, chosen.Text)
	}
}

// Who says nothing of the matter is asked for it, and what they say then is
// put together with what they asked.
func TestMatterIsAskedFor(t *testing.T) {
	e := sampleEngine(t)
	first := ask(t, e, Request{Text: "要带什么材料"})
	if first.Outcome != Clarify || len(first.Facts) > 0 {
		t.Fatalf("%s: %s", first.Outcome, first.Text)
	}
	next := ask(t, e, Request{Text: "居住证申领", State: first.State})
	if next.Outcome != Answered || next.Aspect != "materials" || next.Matters[0].Name != "居住证申领" {
		t.Errorf("%s, %s: %s", next.Outcome, next.Aspect, next.Text)
	}
}

// A place that is not covered stays so for what is asked further about it.
func TestForeignPlaceIsRemembered(t *testing.T) {
	e := sampleEngine(t)
	first := ask(t, e, Request{Text: "上海的居住证怎么办"})
	next := ask(t, e, Request{Text: "那要几天", State: first.State})
	if first.Outcome != NotFound || next.Outcome != NotFound || !strings.Contains(next.Text, "上海") {
		t.Errorf("%s, then %s: %s", first.Outcome, next.Outcome, next.Text)
	}
	own := ask(t, e, Request{Text: "居住证申领要几天", State: next.State})
	if own.Outcome != Answered {
		t.Errorf("a question of its own: %s: %s", own.Outcome, own.Text)
	}
}
