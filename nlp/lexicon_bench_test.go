package nlp

import "testing"

func BenchmarkLoadLexicon(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := LoadLexicon(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseSixty parses a question of sixty characters, a long one.
func BenchmarkParseSixty(b *testing.B) {
	const q = "我原来在外省一家公司上班社保交了八年现在回老家的事业单位工作了以前交的养老保险怎么带过来合到一起要准备哪些材料要去哪个窗口办理"
	p := parser(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Parse(q)
	}
}
