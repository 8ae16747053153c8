package answer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEarlier has conversations twice: once with the state carried along, as
// the page does, and once with what was said before told again.
func TestEarlier(t *testing.T) {
	for name, turns := range map[string][]string{
		"another aspect of the same matter": {"居住证申领要什么材料", "那费用呢", "要多久", "在哪办"},
		"a question of its own":             {"居住证申领要什么材料", "房产证丢了怎么补", "要多少钱"},
		"picking from what is offered":      {"护照", "2", "要多少钱"},
		"none of what is offered":           {"社保卡丢了", "都不是", "那就补领"},
		"an emergency in between":           {"居住证怎么办", "家里着火了", "要几天"},
		"personal data in between":          {"居住证怎么办", "我叫张三，身份证号110101199003078515，要带什么", "要几天"},
		"what was no question in between":   {"居住证怎么办", strings.Repeat("长", MaxText+1), " ", "要几天"},
	} {
		t.Run(name, func(t *testing.T) {
			var book notebook
			e := sampleEngine(t, func(c *Config) { c.Journal = &book })
			state := ""
			for i, text := range turns {
				if n := len([]rune(strings.TrimSpace(text))); n < 1 || n > MaxText {
					continue
				}
				carried := ask(t, e, Request{Text: text, State: state})
				state = carried.State
				before := len(book.asked)
				told := ask(t, e, Request{Text: text, Earlier: turns[:i]})
				if diff := cmp.Diff(plainOf(carried), plainOf(told)); diff != "" {
					t.Errorf("%q (-with the state +with what was said):\n%s", text, diff)
				}
				if n := len(book.asked) - before; n != 1 {
					t.Errorf("%q: %d questions journalled, want only the last", text, n)
				}
			}
		})
	}
}

// plainOf is what of an answer does not differ from one time to the next.
func plainOf(a Answer) Answer {
	a.ID, a.State, a.ElapsedMS = "", "", 0
	return a
}

func TestEarlierGivesWayToAState(t *testing.T) {
	e := sampleEngine(t)
	state := ask(t, e, Request{Text: "居住证申领要什么材料"}).State
	if a := ask(t, e, Request{Text: "要多少钱", State: state, Earlier: []string{"房产证丢了怎么补"}}); first(a) != "AL-JZ-002" {
		t.Errorf("the answer is about %s", first(a))
	}
}

// TestSilent asks without a trace.
func TestSilent(t *testing.T) {
	var book notebook
	e := sampleEngine(t, func(c *Config) { c.Journal = &book })
	hot, err := e.Hot(t.Context(), "", 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"居住证怎么办", "你好", "家里着火了"} {
		for range 3 {
			ask(t, e, Request{Text: text, Silent: true})
		}
	}
	after, err := e.Hot(t.Context(), "", 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hot, after); diff != "" || len(book.asked) > 0 {
		t.Errorf("%d journalled; hot (-before +after):\n%s", len(book.asked), diff)
	}
}
