package nlp

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
)

func simplify(s string) string { return strings.Map(toSimplified, s) }

func TestToSimplified(t *testing.T) {
	tests := []struct{ why, in, want string }{
		{"a question from Taiwan", "請問臺胞證補辦需要什麼證件", "请问台胞证补办需要什么证件"},
		{"a question from Hong Kong", "喺內地嘅稅務點樣申報，入戶啲手續", "喺内地嘅税务点样申报，入户啲手续"},
		{"several traditional characters for one", "頭髮發展 里面裡面裏面 乾麵 幹部 隻有 颱風櫃檯", "头发发展 里面里面里面 乾面 干部 只有 台风柜台"},
		{"于 written the old way", "關於徵收", "关于征收"},
		{"variants in print", "説眀卽為衞生羣衆啟峯", "说眀即为卫生群众启峰"},
		{"simplified text stays", "皇后在里面只干着，发展台湾松树，郁闷", "皇后在里面只干着，发展台湾松树，郁闷"},
		{"the name of a county stays", "乾县和乾安县", "乾县和乾安县"},
		{"surnames stay", "沈某、范某、余某、于某", "沈某、范某、余某、于某"},
		{"characters that are not Chinese stay", "Abc 123 é ０ ー 한 ア 🙂", "Abc 123 é ０ ー 한 ア 🙂"},
		{"the highest code point and none", "\U0010ffff\uFFFD", "\U0010ffff\uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := simplify(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, r := range []rune{-1, utf8.MaxRune + 1} {
		if got := toSimplified(r); got != r {
			t.Errorf("toSimplified(%d) = %d", r, got)
		}
	}
}

func TestT2STable(t *testing.T) {
	rows := 0
	for line := range strings.Lines(t2sTSV) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		rows++
		runes := []rune(strings.TrimRight(line, "\n"))
		if len(runes) != 3 || runes[1] != '\t' || runes[0] < 0x3400 || int(runes[0]>>8) >= len(t2sTable{}) {
			t.Fatalf("row %q", line)
		}
		if got := toSimplified(runes[0]); got != runes[2] {
			t.Errorf("%c becomes %c, want %c", runes[0], got, runes[2])
		}
		if twice := toSimplified(runes[2]); twice != runes[2] {
			t.Errorf("%c becomes %c, which becomes %c", runes[0], runes[2], twice)
		}
	}
	if rows < 3000 {
		t.Errorf("only %d rows", rows)
	}
}

// The names of places are simplified already.
func TestDivisionsAreSimplified(t *testing.T) {
	var walk func(corpus.RegionCode)
	walk = func(of corpus.RegionCode) {
		for _, r := range corpus.Builtin().Children(of) {
			if got := simplify(r.Name); got != r.Name {
				t.Errorf("%s becomes %s", r.Name, got)
			}
			walk(r.Code)
		}
	}
	walk("")
}

func BenchmarkToSimplified(b *testing.B) {
	const q = "請問臺胞證補辦需要什麼證件，幾天能辦好？ABC123"
	b.SetBytes(int64(len(q)))
	for b.Loop() {
		for _, r := range q {
			toSimplified(r)
		}
	}
}
