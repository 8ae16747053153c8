package nlp

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestToTraditional(t *testing.T) {
	tests := []struct{ why, from, want string }{
		{"characters one by one", "办理居住证要什么材料", "辦理居住證要什麼材料"},
		{"发 of hair and of issuing", "理发店的发证日期", "理髮店的發證日期"},
		{"后 of an empress and of later", "皇后去世后", "皇后去世後"},
		{"干 of dry and of cadres", "干部和饼干", "幹部和餅乾"},
		{"复 of again, of double and of answers", "复印件、回复、恢复", "複印件、回覆、恢復"},
		{"制 of systems and of making", "制度、制作", "制度、製作"},
		{"征 of collecting and of soldiers", "征求意见、应征入伍", "徵求意見、應徵入伍"},
		{"里 of inside and of miles", "这里、公里", "這裡、公里"},
		{"figures, addresses and marks stay", "8个工作日，¥20，https://a.example/?q=1、<b>", "8個工作日，¥20，https://a.example/?q=1、<b>"},
		{"traditional stays", "辦理證件", "辦理證件"},
		{"nothing", "", ""},
		{"broken bytes stay", "办\xff证", "辦\xff證"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := ToTraditional(tt.from); got != tt.want {
				t.Errorf("ToTraditional(%q) = %q, want %q", tt.from, got, tt.want)
			}
		})
	}
}

// What is displayed in traditional characters is understood when it comes
// back as a question.
func TestToTraditionalComesBack(t *testing.T) {
	for _, s := range []string{"新生儿出生登记", "机动车驾驶证期满换证", "城乡居民基本养老保险参保登记", "企业注销登记", "不动产权证书", "医疗费用报销", "户口迁移"} {
		if got := Normalize(ToTraditional(s)); got != Normalize(s) {
			t.Errorf("%s comes back as %s", s, got)
		}
	}
}

func FuzzToTraditional(f *testing.F) {
	f.Add("办证 <a href=\"/x\">里</a>")
	f.Fuzz(func(t *testing.T, s string) {
		got := ToTraditional(s)
		if utf8.ValidString(s) != utf8.ValidString(got) || utf8.RuneCountInString(s) != utf8.RuneCountInString(got) {
			t.Errorf("%q became %q", s, got)
		}
		if ascii := func(r rune) rune {
			if r < utf8.RuneSelf {
				return r
			}
			return -1
		}; strings.Map(ascii, s) != strings.Map(ascii, got) {
			t.Errorf("%q became %q: markup has changed", s, got)
		}
	})
}

func BenchmarkToTraditional(b *testing.B) {
	s := strings.Repeat("办理居住证要什么材料<li class=\"x\">8个工作日</li>", 200)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		ToTraditional(s)
	}
}
