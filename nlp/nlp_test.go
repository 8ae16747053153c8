package nlp

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestNormalize(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"full width becomes half width", "ＡＢＣ１２３　护照", "abc123 护照"},
		{"capitals become small", "DS-160 App", "ds-160 app"},
		{"traditional becomes simplified", "補領國民身分證", "补领国民身分证"},
		{"blanks are joined and trimmed", "  居住证 \t\n 签注  ", "居住证 签注"},
		{"zero width characters go", "居\u200b住\ufeff证", "居住证"},
		{"tag characters go", "居住证\U000e0041\U000e0042", "居住证"},
		{"direction marks go", "\u202e证住居\u202c", "证住居"},
		{"NUL becomes a blank", "居住\x00证", "居住 证"},
		{"bad bytes become a blank", "居住\xff\xfe证", "居住 证"},
		{"compatibility forms fold", "㎡①℃", "m21°c"},
		{"dotted capital i settles", "İ", "i"},
		{"nothing stays nothing", "", ""},
		{"plain latin stays", "jzz banli", "jzz banli"},
		{"plain latin with blanks at the ends", " jzz ", "jzz"},
	}
	for _, tt := range tests {
		if got := Normalize(tt.in); got != tt.want {
			t.Errorf("%s: Normalize(%q) = %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"", "身份证", "ＡＢＣ　１２３", " a\tb ", "\xff", "İ", "e\u0301", "ﷺ", "\u1e9e", "ǅ", "補\U000e0020領", "\u3164a", "㎡"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Normalize(s)
		if twice := Normalize(once); twice != once {
			t.Errorf("not idempotent: %q -> %q -> %q", s, once, twice)
		}
		if !utf8.ValidString(once) || strings.ContainsRune(once, 0) {
			t.Errorf("Normalize(%q) = %q: not clean", s, once)
		}
		if strings.TrimSpace(once) != once || strings.Contains(once, "  ") {
			t.Errorf("Normalize(%q) = %q: blanks left", s, once)
		}
	})
}

func terms(text string) map[Space][]string {
	m := map[Space][]string{}
	EachTerm(Bigrams{}, text, func(sp Space, start, end int) { m[sp] = append(m[sp], text[start:end]) })
	return m
}

func TestEachTerm(t *testing.T) {
	tests := []struct {
		text           string
		bigrams, chars []string
	}{
		{"居住证", []string{"居住", "住证"}, []string{"居", "住", "证"}},
		{"证", []string{"证"}, []string{"证"}},
		{"办a1证件", []string{"办", "a1", "证件"}, []string{"办", "证", "件"}},
		{"护照,签注", []string{"护照", "签注"}, []string{"护", "照", "签", "注"}},
		{"ds 160", []string{"ds", "160"}, nil},
		{"", nil, nil},
	}
	for _, tt := range tests {
		got := terms(tt.text)
		if diff := cmp.Diff(tt.bigrams, got[SpaceBigram]); diff != "" {
			t.Errorf("%q bigrams (-want +got):\n%s", tt.text, diff)
		}
		if diff := cmp.Diff(tt.chars, got[SpaceChar]); diff != "" {
			t.Errorf("%q characters (-want +got):\n%s", tt.text, diff)
		}
	}
}

func parser(t testing.TB) *Parser {
	t.Helper()
	lex, err := LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	return &Parser{Segmenter: Bigrams{}, Lexicon: lex}
}

func TestAspects(t *testing.T) {
	p := parser(t)
	tests := []struct {
		text string
		want []Aspect
	}{
		{"居住证要什么材料", []Aspect{AspectMaterials}},
		{"办护照得带啥", []Aspect{AspectMaterials}},
		{"社保卡几天能拿到", []Aspect{AspectTimeLimit}},
		{"补办身份证要钱不要钱", []Aspect{AspectFee}},
		{"去哪里办残疾证", []Aspect{AspectLocation}},
		{"材料交到哪", []Aspect{AspectLocation}},
		{"周六能办吗", []Aspect{AspectHours}},
		{"公积金中心电话是多少", []Aspect{AspectPhone}},
		{"我要投诉到哪打监督电话", []Aspect{AspectComplaint, AspectPhone}},
		{"护照办到哪一步了", []Aspect{AspectProgress}},
		{"护照换发查进度 咨询电话", []Aspect{AspectPhone}},
		{"网上能办吗", []Aspect{AspectOnline}},
		{"可以找人代办吗", []Aspect{AspectAgent}},
		{"外地户口可以跨省办吗", []Aspect{AspectCrossRegion}},
		{"要跑几趟", []Aspect{AspectVisits}},
		{"居住证有效期多久", []Aspect{AspectResult, AspectTimeLimit}},
		{"依据是哪条法", []Aspect{AspectBasis}},
		{"容缺受理是什么意思", []Aspect{AspectDefinition}},
		{"这个归哪个部门管", []Aspect{AspectDepartment}},
		{"个体户可以申请吗", []Aspect{AspectAudience}},
		{"六十岁能申请吗", []Aspect{AspectCondition}},
		{"居住证怎么办", []Aspect{AspectProcedure}},
		{"居住证", []Aspect{AspectOverview}},
	}
	for _, tt := range tests {
		q := p.Parse(tt.text)
		if q.Aspect() != tt.want[0] {
			t.Errorf("%q: %v, want %s first", tt.text, q.Aspects, tt.want[0])
		}
		for _, a := range tt.want {
			if !slices.Contains(q.Aspects, a) {
				t.Errorf("%q: %v lacks %s", tt.text, q.Aspects, a)
			}
		}
	}
	q := p.Parse("要什么材料,多少钱,在哪办")
	for _, a := range []Aspect{AspectMaterials, AspectFee, AspectLocation} {
		if !slices.Contains(q.Aspects, a) {
			t.Errorf("three questions in one: %v lacks %s", q.Aspects, a)
		}
	}
}

func TestWeightsLowerFillerAndAspects(t *testing.T) {
	q := parser(t).Parse("请问居住证需要什么材料")
	if got := q.Content(); got != "居住证需要" && got != "居住证" {
		t.Errorf("content = %q, want 居住证", got)
	}
	for i, r := range q.Runes {
		w := q.Weights[i]
		switch {
		case strings.ContainsRune("居住证", r) && w != 1,
			strings.ContainsRune("请问", r) && w != weightFiller,
			r == '料' && w != weightAspect:
			t.Errorf("weight of %c = %v", r, w)
		}
	}
	// Nothing is deleted: the terms of filler are there, at a low weight.
	if !slices.ContainsFunc(q.Terms, func(t Term) bool { return t.Text == "材料" && t.Weight > 0 && t.Weight < .5 }) {
		t.Errorf("terms %v lack a lowered 材料", q.Terms)
	}
}

func TestSituations(t *testing.T) {
	lex := parser(t).Lexicon
	tests := []struct {
		asked, name string
		agree       bool
	}{
		{"身份证丢了", "居民身份证丢失补领", true},
		{"护照快到期了", "普通护照换发", true},
		{"店不开了", "个体工商户注销登记", true},
		{"头一回办", "二级建造师首次注册", true},
		{"身份证丢了", "居民身份证首次申领", false},
	}
	for _, tt := range tests {
		if got := lex.AskedSituations(Bigrams{}, tt.asked)&lex.Situations(Bigrams{}, tt.name) != 0; got != tt.agree {
			t.Errorf("%q and %q agree = %v, want %v", tt.asked, tt.name, got, tt.agree)
		}
	}
}

func TestParseFollowUp(t *testing.T) {
	q := parser(t).ParseFollowUp("那换发呢", "普通护照首次申请", .5)
	var had, said float32
	for _, term := range q.Terms {
		switch term.Text {
		case "护照":
			had = max(had, term.Weight)
		case "换发":
			said = max(said, term.Weight)
		}
	}
	if had != .5 || said != 1 {
		t.Errorf("weight of 护照 %v, of 换发 %v; want .5 and 1", had, said)
	}
}

func TestReadLexiconRefusesBadFiles(t *testing.T) {
	good := map[string]string{"aspects.tsv": "fee\t3\t多少钱", "filler.txt": "请问", "situations.tsv": "lost\tq\t丢了", "words.txt": "居住证"}
	tests := []struct{ file, content, want string }{
		{"aspects.tsv", "price\t3\t多少钱", "aspects.tsv:1"},
		{"aspects.tsv", "fee\t9\t多少钱", "strength"},
		{"aspects.tsv", "# 注释\n\nfee 3 多少钱", "aspects.tsv:3"},
		{"situations.tsv", "lost\tx\t丢了", "situations.tsv:1"},
	}
	for _, tt := range tests {
		files := fstest.MapFS{}
		for name, content := range good {
			files[name] = &fstest.MapFile{Data: []byte(content)}
		}
		files[tt.file] = &fstest.MapFile{Data: []byte(tt.content)}
		if _, err := ReadLexicon(files); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: %v, want an error with %q", tt.file, tt.content, err, tt.want)
		}
	}
	if _, err := ReadLexicon(fstest.MapFS{}); err == nil {
		t.Error("no files: no error")
	}
}

func FuzzParse(f *testing.F) {
	lex, err := LoadLexicon()
	if err != nil {
		f.Fatal(err)
	}
	p := Parser{Segmenter: Bigrams{}, Lexicon: lex}
	for _, s := range []string{"居住证要多少钱", "", "\xff", "！？", "怎么办", "a1证"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := p.Parse(s)
		if len(q.Runes) != len(q.Weights) || len(q.Aspects) == 0 {
			t.Fatalf("Parse(%q): %d runes, %d weights, aspects %v", s, len(q.Runes), len(q.Weights), q.Aspects)
		}
		for _, term := range q.Terms {
			if term.Text == "" || term.Weight < 0 || term.Weight > 1 {
				t.Errorf("Parse(%q): term %+v", s, term)
			}
		}
	})
}

func BenchmarkNormalize(b *testing.B) {
	const q = "请问　新生儿落户需要带什么材料，几天能办好？ABC１２３"
	b.SetBytes(int64(len(q)))
	b.ReportAllocs()
	for b.Loop() {
		Normalize(q)
	}
}

func BenchmarkParse(b *testing.B) {
	p := parser(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Parse("孩子刚出生户口怎么办理要多少钱要带什么材料")
	}
}
